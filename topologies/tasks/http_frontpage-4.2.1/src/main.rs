//! A front page.

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

lathe::tasks! { "my::FrontPage" => FrontPage }

#[cfg(test)]
mod tests {
    //! What the page answers.

    use lathe::testing::{self, TestTask};

    use super::FrontPage;

    #[test]
    fn the_index_is_a_smile_and_anything_else_is_refused() {
        testing::run(async {
            let page = TestTask::start(FrontPage).await;
            let index = page.get("/index?from=somewhere").await;
            assert_eq!((index.status(), index.text()), (200, ":)"));
            for target in ["/", "/index/", "//index", "/Index"] {
                let other = page.get(target).await;
                assert_eq!((other.status(), other.text()), (400, "invalid request"), "{target}");
            }
            assert_eq!(page.post("/index", "").await.status(), 400);
        });
    }
}
