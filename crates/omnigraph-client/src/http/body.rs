//! Request bodies that are read from a file while they are sent.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use reqwest::Body;
use tokio::fs::File;
use tokio::io::{AsyncRead, ReadBuf};

/// Bytes that are read from a file at a time.
const PIECE: usize = 256 << 10;

/// Opens a file as a request body. Its length is sent ahead, so that a server can refuse it before it arrives.
///
/// # Errors
/// When the file cannot be opened, or is no regular file.
pub async fn file_body(path: impl AsRef<Path>) -> io::Result<Body> {
    let file = File::open(path).await?;
    let about = file.metadata().await?;
    if !about.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    Ok(Body::wrap(FileBody { file, left: about.len(), piece: vec![0; PIECE].into_boxed_slice() }))
}

/// A file of which `left` bytes are to be sent.
struct FileBody {
    file: File,
    left: u64,
    piece: Box<[u8]>,
}

impl HttpBody for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = &mut *self;
        if this.left == 0 {
            return Poll::Ready(None);
        }
        let most = usize::try_from(this.left).unwrap_or(usize::MAX).min(PIECE);
        let mut buffer = ReadBuf::new(&mut this.piece[..most]);
        let read = ready!(Pin::new(&mut this.file).poll_read(context, &mut buffer));
        let came = buffer.filled().len();
        Poll::Ready(Some(match read {
            Ok(()) if came == 0 => {
                this.left = 0;
                Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file shrank while it was sent"))
            }
            Ok(()) => {
                this.left -= came as u64;
                Ok(Frame::data(Bytes::copy_from_slice(&this.piece[..came])))
            }
            Err(error) => Err(error),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    /// Reads a body to its end.
    async fn read(mut body: Body) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
            bytes.extend_from_slice(&frame.map_err(|error| format!("{error:?}"))?.into_data().unwrap());
        }
        Ok(bytes)
    }

    #[tokio::test]
    async fn a_body_is_the_file_as_long_as_it_was() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let data: Vec<u8> = (0..PIECE * 2 + 5).map(|at| (at % 251) as u8).collect();
        std::fs::write(file.path(), &data).unwrap();
        let body = file_body(file.path()).await.unwrap();
        assert_eq!(body.size_hint().exact(), Some(data.len() as u64));
        // What is appended later does not belong to it.
        std::fs::write(file.path(), [&data[..], b"more"].concat()).unwrap();
        assert!(read(body).await.unwrap() == data);
        let body = file_body(file.path()).await.unwrap();
        file.as_file().set_len(7).unwrap();
        let error = read(body).await.unwrap_err();
        assert!(error.contains("shrank"), "{error}");
        file.as_file().set_len(0).unwrap();
        assert_eq!(read(file_body(file.path()).await.unwrap()).await, Ok(Vec::new()));
    }
}
