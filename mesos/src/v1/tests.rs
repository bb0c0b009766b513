//! Tests that our descriptions of the messages are those of a real Mesos, field by field.

use std::collections::BTreeMap;

use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorSet};
use serde_json::{Value, json};

use super::*;

/// Messages by full name: fields by name, each with what stands in the dump.
type Messages = BTreeMap<String, BTreeMap<String, Value>>;
/// Enums by full name: names and numbers in the order of their declaration.
type Enums = BTreeMap<String, Vec<(String, i64)>>;

fn ours() -> (Messages, Enums) {
    let (mut messages, mut enums) = (Messages::new(), Enums::new());
    for file in FileDescriptorSet::decode(DESCRIPTORS).unwrap().file {
        // The one type of protobuf's own library that a call uses.
        if file.package() == "google.protobuf" {
            continue;
        }
        let package = file.package().to_owned();
        file.enum_type.iter().for_each(|e| collect_enum(&package, e, &mut enums));
        for message in &file.message_type {
            collect(&package, message, &mut messages, &mut enums);
        }
    }
    (messages, enums)
}

fn collect(scope: &str, message: &DescriptorProto, messages: &mut Messages, enums: &mut Enums) {
    let name = format!("{scope}.{}", message.name());
    let mut fields = BTreeMap::new();
    for field in &message.field {
        let kind = match field.r#type() {
            Type::Double => "double",
            Type::Int64 => "int64",
            Type::Uint64 => "uint64",
            Type::Int32 => "int32",
            Type::Uint32 => "uint32",
            Type::Bool => "bool",
            Type::String => "string",
            Type::Bytes => "bytes",
            Type::Message => "message",
            Type::Enum => "enum",
            other => panic!("{name}.{} has the type {other:?}", field.name()),
        };
        let label = match field.label() {
            Label::Optional => "optional",
            Label::Required => "required",
            Label::Repeated => "repeated",
        };
        let oneof = field.oneof_index.map(|index| usize::try_from(index).unwrap());
        let oneof = oneof.map_or("", |index| message.oneof_decl[index].name());
        let row = json!([
            field.number(),
            kind,
            label,
            field.type_name().trim_start_matches('.'),
            field.default_value(),
            oneof
        ]);
        fields.insert(field.name().to_owned(), row);
    }
    message.enum_type.iter().for_each(|e| collect_enum(&name, e, enums));
    message.nested_type.iter().for_each(|m| collect(&name, m, messages, enums));
    messages.insert(name, fields);
}

fn collect_enum(scope: &str, e: &EnumDescriptorProto, enums: &mut Enums) {
    let values = e.value.iter().map(|value| (value.name().to_owned(), value.number().into()));
    enums.insert(format!("{scope}.{}", e.name()), values.collect());
}

fn theirs() -> (Messages, Enums) {
    let text = include_str!("../../testdata/descriptors.json");
    let dump: Value = serde_json::from_str(text).unwrap();
    let messages = serde_json::from_value(dump["messages"].clone()).unwrap();
    (messages, serde_json::from_value(dump["enums"].clone()).unwrap())
}

/// The dump and protox write defaults differently; both are read as what they mean.
fn same_default(ours: &str, theirs: &str) -> bool {
    ours == theirs
        || matches!((ours.parse::<f64>(), theirs.parse::<f64>()), (Ok(a), Ok(b)) if a == b)
}

#[test]
fn every_field_of_ours_is_a_field_of_mesos() {
    let ((ours, _), (theirs, _)) = (ours(), theirs());
    assert!(ours.len() > 200, "only {} messages", ours.len());
    let mut wrong = Vec::new();
    for (message, fields) in &ours {
        let Some(real) = theirs.get(message) else {
            wrong.push(format!("{message} is not in the dump"));
            continue;
        };
        for (name, field) in fields {
            let Some(expected) = real.get(name) else {
                wrong.push(format!("{message}.{name} does not exist"));
                continue;
            };
            let default = |row: &Value| row[4].as_str().unwrap().to_owned();
            let mut field = field.clone();
            if same_default(&default(&field), &default(expected)) {
                field[4] = expected[4].clone();
            }
            if field != *expected {
                wrong.push(format!("{message}.{name} is {field}, in Mesos {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_required_field_of_mesos_is_a_field_of_ours() {
    let ((ours, _), (theirs, _)) = (ours(), theirs());
    let mut missing = Vec::new();
    for (message, fields) in &ours {
        let required = theirs[message].iter().filter(|(_, row)| row[2] == "required");
        let absent = required.filter(|(name, _)| !fields.contains_key(*name));
        missing.extend(absent.map(|(name, _)| format!("{message}.{name}")));
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn every_enum_of_ours_has_the_values_of_mesos_in_their_order() {
    let ((_, ours), (_, theirs)) = (ours(), theirs());
    assert!(ours.len() > 30, "only {} enums", ours.len());
    for (name, values) in &ours {
        // The order counts, too: the first value is what an absent field reads as.
        assert_eq!(Some(values), theirs.get(name), "{name}");
    }
}

#[test]
fn the_apis_of_schedulers_and_executors_are_complete() {
    let ((ours, _), (theirs, _)) = (ours(), theirs());
    for (message, fields) in &theirs {
        let complete = ["mesos.v1.scheduler.", "mesos.v1.executor."];
        if complete.iter().any(|package| message.starts_with(package)) {
            let have = ours.get(message).unwrap_or_else(|| panic!("{message} is missing"));
            assert!(have.keys().eq(fields.keys()), "{message}");
        }
    }
    for message in ["Resource", "TaskInfo", "TaskStatus", "Offer", "FrameworkInfo"] {
        let name = format!("mesos.v1.{message}");
        assert!(ours[&name].keys().eq(theirs[&name].keys()), "{name}");
    }
}

#[test]
fn a_capability_that_v1_does_not_name_survives() {
    let quota_v2 = master_info::Capability { r#type: Some(3) };
    let bytes = quota_v2.encode_to_vec();
    let read = master_info::Capability::decode(bytes.as_slice()).unwrap();
    assert_eq!(read.r#type, Some(3));
    assert_eq!(read.r#type(), master_info::capability::Type::Unknown);
    assert_eq!(read.encode_to_vec(), bytes);
}

#[test]
fn absent_fields_read_as_the_defaults_of_mesos() {
    let info = FrameworkInfo::default();
    assert_eq!((info.failover_timeout(), info.checkpoint(), info.role()), (0.0, false, "*"));
    assert_eq!(Filters::default().refuse_seconds(), 5.0);
    assert!(CommandInfo::default().shell());
    let health = HealthCheck::default();
    assert_eq!((health.delay_seconds(), health.consecutive_failures()), (15.0, 3));
}
