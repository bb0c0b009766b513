//! The cases on Lathe's standalone.

lathe_conformance::every_case!(lathe_conformance::Stage::standalone_of);
