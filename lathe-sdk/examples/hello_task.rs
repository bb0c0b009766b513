//! The smallest task, for measuring what the SDK adds to hyper: compare with `hello_hyper`.
//!
//! `LATHE_TASK=hello LATHE_PORT_HTTP=8080 LATHE_THREADS=1 hello_task`

use lathe::http::{HTTPRequest, HTTPResponse, HTTPResult, HTTPTask};

struct FrontPage;

impl HTTPTask for FrontPage {
    async fn handle(&self, request: HTTPRequest) -> HTTPResult {
        match request.path() {
            ["get", "index"] => Ok(HTTPResponse::new(200, ":)")),
            _ => Ok(HTTPResponse::new(400, "invalid request")),
        }
    }
}

lathe::tasks! { "hello" => FrontPage }
