//! Request bodies, read whole under a limit of size and of time.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::Request;
use http_body_util::BodyExt as _;
use hyper::body::Body;

/// Why a body was not read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// More bytes than allowed, by its Content-Length or by what came.
    #[error("the request body is larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The client did not send it in time.
    #[error("the request body did not arrive within {} s", .within.as_secs_f32())]
    TooSlow {
        /// The time allowed.
        within: Duration,
    },
    /// The connection broke, or the framing is wrong.
    #[error("the request body could not be read")]
    Broken,
}

/// Reads the whole body. A body that announces or sends more than `limit` bytes is given up at once, without
/// being held in memory.
///
/// # Errors
/// [`BodyError`], whose text can be sent to the client.
pub async fn read_body<B>(request: Request<B>, limit: usize, within: Duration) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut body = request.into_body();
    let too_large = BodyError::TooLarge { limit };
    if usize::try_from(body.size_hint().lower()).map_or(true, |announced| announced > limit) {
        return Err(too_large);
    }
    let read = async {
        // Mostly it comes in one piece, which is the body as it is.
        let mut first = Bytes::new();
        let mut collected = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
            if data.len() > limit.saturating_sub(first.len()).saturating_sub(collected.len()) {
                return Err(BodyError::TooLarge { limit });
            }
            if first.is_empty() && collected.is_empty() {
                first = data;
            } else {
                collected.extend_from_slice(&std::mem::take(&mut first));
                collected.extend_from_slice(&data);
            }
        }
        Ok(if collected.is_empty() { first } else { collected.freeze() })
    };
    tokio::time::timeout(within, read).await.unwrap_or(Err(BodyError::TooSlow { within }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::convert::Infallible;

    use http_body_util::{Full, StreamBody};
    use hyper::body::Frame;

    use super::*;

    async fn read(text: &'static str, limit: usize) -> Result<Bytes, BodyError> {
        read_body(Request::new(Full::new(Bytes::from_static(text.as_bytes()))), limit, Duration::from_secs(1))
            .await
    }

    #[tokio::test]
    async fn the_limit_is_that_of_all_pieces_together() {
        let read = async |pieces: &[&'static str], limit| {
            let pieces: Vec<&'static str> = pieces.to_vec();
            let frames = pieces.into_iter().map(|piece| Ok::<_, Infallible>(Frame::data(Bytes::from(piece))));
            let request = Request::new(StreamBody::new(futures::stream::iter(frames)));
            read_body(request, limit, Duration::from_secs(1)).await
        };
        for pieces in [&["12345"][..], &["12", "345"], &["", "1", "", "234", "5", ""]] {
            assert_eq!(read(pieces, 5).await.unwrap(), "12345", "{pieces:?}");
            assert!(matches!(read(pieces, 4).await, Err(BodyError::TooLarge { limit: 4 })), "{pieces:?}");
        }
        assert_eq!(read(&[], 0).await.unwrap(), "");
    }

    #[tokio::test]
    async fn reads_up_to_the_limit_and_not_a_byte_more() {
        assert_eq!(read("12345", 5).await.unwrap(), "12345");
        assert!(matches!(read("123456", 5).await, Err(BodyError::TooLarge { limit: 5 })));
    }
}
