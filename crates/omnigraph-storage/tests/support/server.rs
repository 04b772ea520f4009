//! An S3 server in the test process, for the contract suites of storage and the scenarios alike.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::dto;
use s3s::service::S3ServiceBuilder;
use s3s::{S3, S3Request, S3Response, S3Result};
use s3s_fs::FileSystem;
use tempfile::TempDir;

/// An S3 server of this process on a free port of the loopback interface, with one bucket `bucket`.
pub(crate) struct Server {
    address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
    _directory: TempDir,
}

impl Server {
    pub(crate) async fn start() -> Server {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("bucket")).unwrap();
        let mut service = S3ServiceBuilder::new(AtomicPuts::new(FileSystem::new(directory.path()).unwrap()));
        service.set_auth(SimpleAuth::from_single("access", "secret"));
        let service = service.build();
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let service = service.clone();
                tokio::spawn(async move {
                    let http = Builder::new(TokioExecutor::new());
                    let _ = http.serve_connection(TokioIo::new(socket), service).await;
                });
            }
        });
        Server { address, task, _directory: directory }
    }

    /// Returns the settings by which a client reaches this server.
    pub(crate) fn settings(&self) -> BTreeMap<String, String> {
        [
            ("aws_endpoint", format!("http://{}", self.address)),
            ("aws_region", "us-east-1".to_owned()),
            ("aws_access_key_id", "access".to_owned()),
            ("aws_secret_access_key", "secret".to_owned()),
            ("aws_allow_http", "true".to_owned()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Makes conditional puts atomic, as S3 has them: the file system server looks first and writes later.
struct AtomicPuts {
    files: FileSystem,
    exclusive: tokio::sync::Mutex<()>,
}

impl AtomicPuts {
    fn new(files: FileSystem) -> AtomicPuts {
        AtomicPuts { files, exclusive: tokio::sync::Mutex::new(()) }
    }
}

macro_rules! forward {
    ($($operation:ident($input:ident) -> $output:ident $(, $exclusive:ident)?;)+) => {
        #[async_trait::async_trait]
        impl S3 for AtomicPuts {
            $(
                async fn $operation(&self, request: S3Request<dto::$input>) -> S3Result<S3Response<dto::$output>> {
                    $(let _exclusive = self.$exclusive.lock().await;)?
                    self.files.$operation(request).await
                }
            )+
        }
    };
}

forward! {
    put_object(PutObjectInput) -> PutObjectOutput, exclusive;
    complete_multipart_upload(CompleteMultipartUploadInput) -> CompleteMultipartUploadOutput, exclusive;
    create_multipart_upload(CreateMultipartUploadInput) -> CreateMultipartUploadOutput;
    upload_part(UploadPartInput) -> UploadPartOutput;
    abort_multipart_upload(AbortMultipartUploadInput) -> AbortMultipartUploadOutput;
    get_object(GetObjectInput) -> GetObjectOutput;
    head_object(HeadObjectInput) -> HeadObjectOutput;
    delete_object(DeleteObjectInput) -> DeleteObjectOutput;
    delete_objects(DeleteObjectsInput) -> DeleteObjectsOutput;
    list_objects_v2(ListObjectsV2Input) -> ListObjectsV2Output;
}
