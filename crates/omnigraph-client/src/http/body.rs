//! Bodies of requests that are read from a file while they are sent.

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

/// How much of a body has been handed to its connection, in bytes. The network may lag behind by its buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// What has been handed over.
    pub bytes: u64,
    /// The whole body.
    pub total: u64,
}

/// Opens a file as a request body. Its length is sent ahead, so that a server can refuse it before it arrives.
/// `progress` is called with each piece, in order, the last time with all bytes; for an empty file never.
///
/// # Errors
/// When the file cannot be opened, or is no regular file.
pub async fn file_body(
    path: impl AsRef<Path>,
    progress: impl Fn(Sent) + Send + Sync + 'static,
) -> io::Result<Body> {
    let file = File::open(path).await?;
    let about = file.metadata().await?;
    if !about.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    let total = about.len();
    let piece = vec![0; PIECE].into_boxed_slice();
    Ok(Body::wrap(FileBody { file, total, left: total, piece, progress: Box::new(progress) }))
}

/// A file of which `left` of `total` bytes are to be sent.
struct FileBody {
    file: File,
    total: u64,
    left: u64,
    piece: Box<[u8]>,
    progress: Box<dyn Fn(Sent) + Send + Sync>,
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
                (this.progress)(Sent { bytes: this.total - this.left, total: this.total });
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
    use std::sync::{Arc, Mutex};

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
        let body = file_body(file.path(), |_| {}).await.unwrap();
        assert_eq!(body.size_hint().exact(), Some(data.len() as u64));
        // What is appended later does not belong to it.
        std::fs::write(file.path(), [&data[..], b"more"].concat()).unwrap();
        assert!(read(body).await.unwrap() == data);
        let body = file_body(file.path(), |_| {}).await.unwrap();
        file.as_file().set_len(7).unwrap();
        let error = read(body).await.unwrap_err();
        assert!(error.contains("shrank"), "{error}");
        file.as_file().set_len(0).unwrap();
        assert_eq!(read(file_body(file.path(), |_| {}).await.unwrap()).await, Ok(Vec::new()));
    }

    #[tokio::test]
    async fn progress_is_told_piece_by_piece_up_to_the_end() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let total = PIECE as u64 * 2 + 5;
        file.as_file().set_len(total).unwrap();
        let told = Arc::new(Mutex::new(Vec::new()));
        let list = told.clone();
        let body = file_body(file.path(), move |sent| list.lock().unwrap().push(sent)).await.unwrap();
        assert_eq!(*told.lock().unwrap(), []);
        assert_eq!(read(body).await.unwrap().len() as u64, total);
        let told = told.lock().unwrap();
        assert!(told.is_sorted_by(|a, b| a.bytes < b.bytes) && told.len() >= 3, "{told:?}");
        assert!(told.iter().all(|sent| sent.total == total), "{told:?}");
        assert_eq!(told.last(), Some(&Sent { bytes: total, total }));
    }
}
