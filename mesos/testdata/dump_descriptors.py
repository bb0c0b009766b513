"""dump_descriptors.py READER OBJECT > descriptors.json

Writes down the messages and enums of the Mesos v1 API as a real Mesos has them, for the test that
compares ours with them. OBJECT is a shared object with all of libmesos 1.11.0 in it; READER is the
script that reads the serialised file descriptors out of it (`files(path)` gives them by file name).
Needs the `protobuf` package. Statistics and container storage are left out: we shall not use them.
"""
import importlib.util
import json
import re
import sys

from google.protobuf import descriptor_pb2

FILES = re.compile(r"mesos/v1/(mesos|allocator|maintenance|quota|scheduler|executor|master|agent)\b.*\.proto$")
LEFT_OUT = re.compile(r"Statistics$|\.CSI|^mesos\.v1\.(ResourceUsage|RateLimits?|Device\w*|Status)\b")
TYPES = {1: "double", 2: "float", 3: "int64", 4: "uint64", 5: "int32", 8: "bool", 9: "string",
         11: "message", 12: "bytes", 13: "uint32", 14: "enum"}
LABELS = {1: "optional", 2: "required", 3: "repeated"}

spec = importlib.util.spec_from_file_location("reader", sys.argv[1])
reader = importlib.util.module_from_spec(spec)
spec.loader.exec_module(reader)
messages, enums = {}, {}


def enum(scope, e):
    enums[scope + "." + e.name] = [[v.name, v.number] for v in e.value]


def message(scope, m):
    name = scope + "." + m.name
    if LEFT_OUT.search(name):
        return
    fields = {}
    for f in m.field:
        row = [f.number, TYPES[f.type], LABELS[f.label], f.type_name.lstrip(".")]
        oneof = m.oneof_decl[f.oneof_index].name if f.HasField("oneof_index") else ""
        fields[f.name] = row + [f.default_value, oneof]
    messages[name] = fields
    for n in m.nested_type:
        message(name, n)
    for e in m.enum_type:
        enum(name, e)


for path, raw in reader.files(sys.argv[2]).items():
    if FILES.match(path):
        d = descriptor_pb2.FileDescriptorProto.FromString(raw)
        for m in d.message_type:
            message(d.package, m)
        for e in d.enum_type:
            enum(d.package, e)


def block(table):
    rows = (json.dumps(k) + ": " + json.dumps(table[k], separators=(",", ":")) for k in sorted(table))
    return "{\n" + ",\n".join(rows) + "\n}"


print('{"source": "Apache Mesos 1.11.0",')
print('"field": ["number", "type", "label", "type name", "default", "oneof"],')
print('"messages": ' + block(messages) + ",")
print('"enums": ' + block(enums) + "}")
