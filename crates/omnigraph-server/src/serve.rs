//! Listening and stopping. A server that is told to stop takes no new connections, lets running requests, streams and background
//! work end, and then returns.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum_server::Handle;
use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use hyper_util::rt::TokioTimer;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::time::Instant;

use crate::boot::{BootError, boot};
use crate::client_timeouts::ClientTimeouts;
use crate::connection::ClientTimeoutAcceptor;
use crate::routes::build_app;
use crate::settings::{BootSource, ServerConfig, TlsFiles};
use crate::state::AppState;

/// Most bytes of the head of an HTTP/2 request; HTTP/1 has the server library's own bound of about 400 KiB.
const HTTP2_HEAD_BYTES: u32 = 64 << 10;

/// How long a stopping server without requests waits for clients to close their connections.
const QUIET: Duration = Duration::from_secs(1);

/// How often a stopping server looks whether its last write has ended.
const STOP_STEP: Duration = Duration::from_millis(10);

/// Why a server does not start, or stops.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Something that is to be served cannot be.
    #[error(transparent)]
    Boot(#[from] BootError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Certificate or key cannot be used.
    #[error("certificate '{}' and key '{}' cannot be used: {problem}", .files.cert.display(), .files.key.display())]
    Tls {
        /// The files.
        files: TlsFiles,
        /// Why.
        #[source]
        problem: TlsProblem,
    },
    /// The listener failed.
    #[error("serving failed: {0}")]
    Serve(#[source] io::Error),
    /// The signals that stop a server cannot be awaited.
    #[error("cannot await signals: {0}")]
    Signals(#[source] io::Error),
    /// The address line cannot be written.
    #[error("cannot announce the address on stdout: {0}")]
    Announce(#[source] io::Error),
}

/// Why a certificate and its key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsProblem {
    /// A file cannot be read, or holds no PEM of the kind.
    #[error(transparent)]
    Pem(#[from] rustls::pki_types::pem::Error),
    /// They do not belong together, or are of a kind that is not supported.
    #[error(transparent)]
    Config(#[from] rustls::Error),
}

/// Opens what a configuration names, listens, and serves until SIGTERM or SIGINT.
///
/// Prints exactly one line on stdout, `OMNIGRAPH_LISTEN_ADDR=<ip>:<port>`, once requests are answered. Then running
/// requests end, streams included, and what they leave to the background.
///
/// # Errors
/// [`ServeError`]; before the line is printed, nothing was served.
pub async fn serve(config: ServerConfig) -> Result<(), ServeError> {
    let stop = stop_signal()?;
    let app = boot(&config).await?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let cannot_bind = |source| ServeError::Bind { address: config.bind, source };
    let listener = TcpListener::bind(config.bind).map_err(cannot_bind)?;
    listener.set_nonblocking(true).map_err(cannot_bind)?;
    let address = listener.local_addr().map_err(cannot_bind)?;
    let tls = config.tls.as_ref().map(tls).transpose()?;
    let handle = Handle::new();
    let serving =
        tokio::spawn(listen(listener, tls, handle.clone(), build_app(app.clone()), app.client_timeouts));
    handle.listening().await;
    announce(address).map_err(ServeError::Announce)?;
    let mode = match &config.source {
        BootSource::Single(_) => "single",
        BootSource::Multi { .. } => "multi",
        BootSource::Cluster(_) => "cluster",
    };
    let graphs = app.serving.graphs().len();
    tracing::info!(%address, mode, graphs, tokens = %config.tokens.source(), "serving");
    let ended = wait(serving, stop, &handle, &app).await;
    finish(&app).await;
    tracing::info!("stopped");
    ended
}

/// Reads certificate chain and key. The cryptography is named here: the process may have several to choose from.
fn tls(files: &TlsFiles) -> Result<RustlsConfig, ServeError> {
    let failed = |problem: TlsProblem| ServeError::Tls { files: files.clone(), problem };
    let chain = CertificateDer::pem_file_iter(&files.cert).map_err(|error| failed(error.into()))?;
    let chain = chain.collect::<Result<Vec<_>, _>>().map_err(|error| failed(error.into()))?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| failed(error.into()))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| failed(error.into()))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(RustlsConfig::from_config(Arc::new(config)))
}

/// Serves connections, each small write sent at once: an answer is often two, and the second would wait for the client.
async fn listen(
    listener: TcpListener,
    tls: Option<RustlsConfig>,
    handle: Handle<SocketAddr>,
    router: Router,
    client_timeouts: ClientTimeouts,
) -> io::Result<()> {
    let service = router.into_make_service();
    match tls {
        Some(tls) => {
            let acceptor = RustlsAcceptor::new(tls).acceptor(NoDelayAcceptor::new());
            let acceptor = ClientTimeoutAcceptor::new(acceptor, client_timeouts);
            let mut server = axum_server::from_tcp(listener)?.acceptor(acceptor).handle(handle);
            limit(server.http_builder(), client_timeouts);
            server.serve(service).await
        }
        None => {
            let acceptor = ClientTimeoutAcceptor::new(NoDelayAcceptor::new(), client_timeouts);
            let mut server = axum_server::from_tcp(listener)?.acceptor(acceptor).handle(handle);
            limit(server.http_builder(), client_timeouts);
            server.serve(service).await
        }
    }
}

/// Bounds what a client can make a connection hold before a request is there. A client of HTTP/2 that is not heard of for
/// that long is asked whether it is there, and must answer.
fn limit<E>(builder: &mut hyper_util::server::conn::auto::Builder<E>, client_timeouts: ClientTimeouts) {
    builder.http1().timer(TokioTimer::new()).header_read_timeout(client_timeouts.sending);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(HTTP2_HEAD_BYTES)
        .keep_alive_interval(client_timeouts.sending)
        .keep_alive_timeout(client_timeouts.sending);
}

fn announce(address: SocketAddr) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "OMNIGRAPH_LISTEN_ADDR={address}")?;
    stdout.flush()
}

type Stop = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// Returns what ends with the first SIGTERM or SIGINT. Both are held from now on.
fn stop_signal() -> Result<Stop, ServeError> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).map_err(ServeError::Signals)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(ServeError::Signals)?;
        Ok(Box::pin(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        }))
    }
    #[cfg(not(unix))]
    {
        Ok(Box::pin(async {
            // Without a way to hear of the signal the process is ended from outside.
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
        }))
    }
}

async fn wait(
    mut serving: tokio::task::JoinHandle<io::Result<()>>,
    stop: Stop,
    handle: &Handle<SocketAddr>,
    app: &AppState,
) -> Result<(), ServeError> {
    let ended = tokio::select! {
        ended = &mut serving => ended,
        () = stop => {
            tracing::info!("stopping: running requests end first");
            app.drain();
            handle.graceful_shutdown(None);
            tokio::select! {
                ended = &mut serving => ended,
                // Connections without a request are not waited for: a client may never close them.
                () = quiet(app) => {
                    handle.shutdown();
                    serving.await
                }
            }
        }
    };
    match ended {
        Ok(served) => served.map_err(ServeError::Serve),
        Err(panicked) => Err(ServeError::Serve(io::Error::other(panicked))),
    }
}

/// Waits until no request has been under way for a while.
async fn quiet(app: &AppState) {
    let mut since = Instant::now();
    while since.elapsed() < QUIET {
        tokio::time::sleep(STOP_STEP).await;
        if app.metrics.requests_in_flight() > 0 {
            since = Instant::now();
        }
    }
}

/// Waits for writes whose clients went away, and for what the engine does in the background.
async fn finish(app: &AppState) {
    while app.workload.inflight() > 0 {
        tokio::time::sleep(STOP_STEP).await;
    }
    for graph in app.serving.graphs() {
        graph.engine.clone().close().await;
    }
}
