//! The cases on a real Mesos 1.11.

lathe_conformance::every_case!(lathe_conformance::Stage::mesos_of);
