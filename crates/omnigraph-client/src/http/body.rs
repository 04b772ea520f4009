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
