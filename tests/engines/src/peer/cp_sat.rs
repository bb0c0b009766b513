//! CP-SAT in a Python environment of its own, with the model that it is asked by.

use std::ffi::OsString;

use crate::Failure;
use crate::python::Environment;

const ENVIRONMENT: Environment = Environment {
    name: "ortools-9.15",
    pins: include_str!("../../pins/ortools.txt"),
    files: &[("placement.py", include_str!("../../peers/placement.py"))],
};

/// The interpreter and the model. Blocks while it is fetched.
pub(super) fn words() -> Result<Vec<OsString>, Failure> {
    let home = ENVIRONMENT.provide()?;
    Ok(vec![home.join("venv/bin/python").into(), home.join("placement.py").into()])
}
