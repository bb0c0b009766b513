//! Whether a broker answers: the first request of every client, which asks for the versions of all
//! others. A broker takes no connection before it can serve.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A broker that is paused or about to end answers nothing.
const ANSWER_TIME: Duration = Duration::from_secs(5);
const CORRELATION: i32 = 7;
/// Its number, and the version of it that every broker knows.
const API_VERSIONS: i16 = 18;
const VERSION: i16 = 0;
/// No name of the client.
const NO_TEXT: i16 = -1;

pub(crate) async fn is_answered(port: u16) -> bool {
    let greeting = async {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        let mut request = Vec::new();
        request.extend(API_VERSIONS.to_be_bytes());
        request.extend(VERSION.to_be_bytes());
        request.extend(CORRELATION.to_be_bytes());
        request.extend(NO_TEXT.to_be_bytes());
        let length = u32::try_from(request.len()).unwrap_or_default();
        stream.write_all(&length.to_be_bytes()).await?;
        stream.write_all(&request).await?;
        let _length = stream.read_u32().await?;
        let correlation = stream.read_i32().await?;
        let error = stream.read_i16().await?;
        Ok::<_, std::io::Error>(correlation == CORRELATION && error == 0)
    };
    matches!(timeout(ANSWER_TIME, greeting).await, Ok(Ok(true)))
}
