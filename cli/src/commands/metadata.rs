//! `lathe metadata GROUP`: the values that a group keeps for whoever comes, shown and changed.

use http::Method;
use lathe_api::rest::MetadataView;

use super::registry::{nobody, registries, said};
use super::send::pair;
use crate::args::{Find, Metadata};
use crate::client::segment;
use crate::failure::{Failure, OK, UNREACHABLE};
use crate::printer::{Column, Printer, Row, Table};

const COLUMNS: [Column; 2] = [Column::name("KEY", 12), Column::cut("VALUE", 20)];

pub(crate) async fn run(find: &Find, asked: &Metadata, printer: &Printer) -> Result<u8, Failure> {
    let pairs = asked.values.iter().map(|text| pair(text)).collect::<Result<Vec<_>, _>>()?;
    let clients = registries(find, asked.registry.as_deref()).await?;
    let path = format!("/v1/groups/{}/metadata", segment(&asked.group));
    let mut view: Option<MetadataView> = None;
    for (key, value) in &pairs {
        let path = format!("{path}/{}", segment(key));
        view = Some(said(&clients, (Method::PUT, &path), Some(value), &[]).await?);
    }
    for key in &asked.unset {
        let path = format!("{path}/{}", segment(key));
        view = Some(said(&clients, (Method::DELETE, &path), None, &[]).await?);
    }
    let mut failure = nobody();
    for client in &clients {
        if view.is_some() {
            break;
        }
        match client.read(&path).await {
            Ok(shown) => view = Some(shown),
            Err(error) if error.code == UNREACHABLE => failure = error,
            Err(error) => return Err(error),
        }
    }
    let view = view.ok_or(failure)?;
    if asked.json {
        printer.json(&view, true);
    } else if view.values.is_empty() {
        printer.say(&format!("{} keeps no values", view.group));
    } else {
        let rows = view.values.iter();
        let rows =
            rows.map(|(key, value)| Row::new([key.as_str().into(), value.to_string().into()]));
        printer.data(&printer.table(&Table::new(COLUMNS, rows.collect())));
    }
    Ok(OK)
}
