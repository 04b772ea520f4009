//! The binary as operators use it: how it boots and refuses to, what it prints, how it stops.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use omnigraph::Omnigraph;
use omnigraph::db::{Load, LoadMode, LoadSource};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::fixtures::{ROWS, SCHEMA};

const TOKENS: (&str, &str) = ("OMNIGRAPH_SERVER_BEARER_TOKENS_JSON", r#"{"ada":"a-token","bob":"b-token"}"#);

/// A folder with a loaded graph `g` and what a test puts beside it.
struct ServerFolder {
    folder: TempDir,
}

impl ServerFolder {
    async fn new() -> ServerFolder {
        let server_folder = ServerFolder { folder: tempfile::tempdir().unwrap() };
        let graph = Omnigraph::init(server_folder.path("g").to_str().unwrap(), SCHEMA).await.unwrap();
        graph.load(Load::new("main", LoadSource::Text(ROWS.to_owned()), LoadMode::Append)).await.unwrap();
        graph.close().await;
        server_folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_omnigraph-server"));
        command.args(args).current_dir(self.folder.path()).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("OMNIGRAPH_") || name == "RUST_LOG") {
                command.env_remove(name);
            }
        }
        command
    }

    /// Runs to an end that comes by itself.
    fn run(&self, args: &[&str], env: &[(&str, &str)]) -> Output {
        self.command(args).envs(env.iter().copied()).output().unwrap()
    }

    /// What a refused start prints on stderr; stdout must stay empty.
    #[track_caller]
    fn refusal(&self, args: &[&str], env: &[(&str, &str)]) -> String {
        let output = self.run(args, env);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
        assert!(stderr.lines().any(|line| line.starts_with("error: ")), "{stderr}");
        stderr
    }

    /// Starts a server on a free port and waits for its address.
    fn start(&self, args: &[&str], env: &[(&str, &str)]) -> Running {
        let mut command = self.command(args);
        command.args(["--bind", "127.0.0.1:0"]).envs(env.iter().copied());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let Some(address) = line.trim_end().strip_prefix("OMNIGRAPH_LISTEN_ADDR=") else {
            let mut stderr = String::new();
            child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
            panic!("no address but '{line}': {stderr}");
        };
        let address: SocketAddr = address.parse().unwrap();
        assert_ne!(address.port(), 0);
        // Nobody reads what is logged; it must not fill the pipe.
        let mut stderr = child.stderr.take().unwrap();
        let log = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            text
        });
        Running { child, stdout, log: Some(log), address }
    }
}

/// A server that runs; it is killed when the test fails.
struct Running {
    child: Child,
    stdout: BufReader<std::process::ChildStdout>,
    log: Option<std::thread::JoinHandle<String>>,
    address: SocketAddr,
}

impl Running {
    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    async fn get(&self, path: &str, token: Option<&str>) -> (u16, Value) {
        let mut request = reqwest::Client::new().get(self.url(path));
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        answer(request.send().await.unwrap()).await
    }

    async fn post(&self, path: &str, token: Option<&str>, body: Value) -> (u16, Value) {
        let request = reqwest::Client::new().post(self.url(path)).header("content-type", "application/json");
        let mut request = request.body(body.to_string());
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        answer(request.send().await.unwrap()).await
    }

    /// The requests whose answers have not ended, this one included.
    async fn requests_in_flight(&self) -> u64 {
        let text = reqwest::get(self.url("/metrics")).await.unwrap().text().await.unwrap();
        let value = text.lines().find_map(|line| line.strip_prefix("omnigraph_http_requests_in_flight "));
        value.unwrap_or_else(|| panic!("no such metric in {text}")).parse().unwrap()
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Waits for the end; returns exit code, the rest of stdout, and the log.
    fn wait(mut self) -> (Option<i32>, String, String) {
        let status = self.child.wait().unwrap();
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        (status.code(), rest, self.log.take().unwrap().join().unwrap())
    }

    /// Stops it as an operator does.
    fn stop(self) -> String {
        self.signal("-TERM");
        let (code, rest, log) = self.wait();
        assert_eq!((code, rest.as_str()), (Some(0), ""), "{log}");
        log
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn answer(response: reqwest::Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let body = response.bytes().await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

/// Waits until a condition holds, for a minute at most.
async fn until<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    let wait = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(60), wait).await;
    assert!(waited.is_ok(), "waited in vain until {what}");
}

fn add(name: &str) -> Value {
    json!({"query": "query a($n: String) { insert City { name: $n } }", "params": {"n": name}})
}

const COUNT: &str = "query n() { match { $c: City } return { count($c) as n } }";

#[tokio::test]
async fn a_graph_is_served_until_the_process_is_told_to_stop() {
    let server_folder = ServerFolder::new().await;
    let server = server_folder.start(&["g", "--unauthenticated"], &[]);
    assert_eq!(server.get("/healthz", None).await.1["status"], "ok");
    assert_eq!(server.post("/mutate", None, add("bodo")).await.0, 200);
    let (status, body) = server.post("/graphs/default/query", None, json!({"query": COUNT})).await;
    assert_eq!((status, &body["rows"][0]["n"]), (200, &json!(3)));
    assert_eq!(server.get("/graphs", None).await.0, 405);
    let log = server.stop();
    assert!(log.contains("serving") && log.contains("stopped") && log.contains("mode=\"single\""), "{log}");
    // What was acknowledged is there, and nothing was left to recovery.
    assert_eq!(std::fs::read_dir(server_folder.path("g/__recovery")).map_or(0, Iterator::count), 0);
    let server = server_folder.start(&["g", "--unauthenticated"], &[("RUST_LOG", "off")]);
    assert_eq!(server.post("/query", None, json!({"query": COUNT})).await.1["rows"][0]["n"], 3);
    assert_eq!(server.stop(), "");
}

#[tokio::test]
async fn a_stop_lets_running_requests_end() {
    let server_folder = ServerFolder::new().await;
    let rows: String = (0..50_000)
        .map(|n| format!("{{\"type\":\"City\",\"data\":{{\"name\":\"city-{n:06}\"}}}}\n"))
        .collect();
    let graph = Omnigraph::open(server_folder.path("g").to_str().unwrap()).await.unwrap();
    graph.load(Load::new("main", LoadSource::Text(rows), LoadMode::Merge)).await.unwrap();
    graph.close().await;
    let server = server_folder.start(&["g", "--unauthenticated"], &[]);
    let export = reqwest::Client::new()
        .post(server.url("/export"))
        .header("content-type", "application/json")
        .body("{}")
        .send()
        .await
        .unwrap();
    assert_eq!(export.status(), 200);
    server.signal("-INT");
    let address = server.address;
    let read = tokio::spawn(async move { export.bytes().await.unwrap() });
    let log = tokio::task::spawn_blocking(move || server.wait()).await.unwrap();
    assert_eq!(log.0, Some(0), "{}", log.2);
    let lines = read.await.unwrap();
    assert_eq!(lines.iter().filter(|byte| **byte == b'\n').count(), 50_003, "the stream ended whole");
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[tokio::test]
async fn a_killed_server_has_lost_nothing_that_it_acknowledged() {
    let server_folder = ServerFolder::new().await;
    let server = server_folder.start(&["g", "--unauthenticated"], &[]);
    let url = server.url("/mutate");
    let count = Arc::new(AtomicUsize::new(0));
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let (url, count) = (url.clone(), Arc::clone(&count));
            tokio::spawn(async move {
                let client = reqwest::Client::new();
                let mut acknowledged = Vec::new();
                for n in 0.. {
                    let name = format!("w{writer}-{n}");
                    let request = client.post(&url).header("content-type", "application/json");
                    match request.body(add(&name).to_string()).send().await {
                        Ok(response) if response.status() == 200 => {
                            acknowledged.push(name);
                            count.fetch_add(1, Ordering::SeqCst);
                        }
                        Ok(response) => panic!("{:?}", response.text().await),
                        Err(_) => return acknowledged,
                    }
                }
                acknowledged
            })
        })
        .collect();
    until("the writers have been answered", || async { count.load(Ordering::SeqCst) >= 20 }).await;
    server.signal("-KILL");
    drop(server);
    let mut acknowledged = Vec::new();
    for writer in writers {
        acknowledged.extend(writer.await.unwrap());
    }
    assert!(acknowledged.len() >= 20, "{acknowledged:?}");
    let server = server_folder.start(&["g", "--unauthenticated"], &[]);
    let names = json!({"query": "query n() { match { $c: City } return { $c.name as n } }"});
    let (_, body) = server.post("/query", None, names).await;
    let found: std::collections::BTreeSet<&str> =
        body["rows"].as_array().unwrap().iter().map(|row| row["n"].as_str().unwrap()).collect();
    for name in &acknowledged {
        assert!(found.contains(name.as_str()), "{name} was acknowledged and is gone");
    }
    server.stop();
}

#[tokio::test]
async fn many_graphs_are_served_from_a_config_file() {
    let server_folder = ServerFolder::new().await;
    Omnigraph::init(server_folder.path("ledger").to_str().unwrap(), SCHEMA).await.unwrap().close().await;
    server_folder.write("q.gq", "query big() { match { $c: City } return { $c.name } }");
    server_folder.write("p.yaml", "version: 1\ngroups: { a: [ada] }\nrules:\n  - id: r\n    allow: { actors: { group: a }, actions: [read, change, invoke_query] }\n");
    server_folder.write("s.yaml", "version: 1\ngroups: { a: [ada] }\nrules:\n  - id: r\n    allow: { actors: { group: a }, actions: [graph_list] }\n");
    server_folder.write(
        "omnigraph.yaml",
        "server: { policy: { file: s.yaml } }\ngraphs:\n  atlas: { uri: g, policy: { file: p.yaml }, queries: { big: { file: q.gq } } }\n  ledger: { uri: ./ledger }\n",
    );
    let server = server_folder.start(&["--config", "omnigraph.yaml"], &[TOKENS]);
    let (_, list) = server.get("/graphs", Some("a-token")).await;
    assert_eq!(list["graphs"][0]["graph_id"], "atlas");
    assert_eq!(list["graphs"][0]["uri"], server_folder.path("g").to_str().unwrap());
    assert_eq!(server.get("/graphs", Some("b-token")).await.0, 403);
    assert_eq!(server.get("/graphs", None).await.0, 401);
    assert_eq!(server.post("/graphs/atlas/mutate", Some("a-token"), add("x")).await.1["actor_id"], "ada");
    assert_eq!(server.post("/graphs/atlas/mutate", Some("b-token"), add("x")).await.0, 403);
    // Without a bundle a graph can be read, and nothing else.
    assert_eq!(server.get("/graphs/ledger/schema", Some("b-token")).await.0, 200);
    assert_eq!(server.post("/graphs/ledger/mutate", Some("a-token"), add("x")).await.0, 403);
    let (_, read) = server.post("/graphs/atlas/queries/big", Some("a-token"), json!({})).await;
    assert_eq!(read["row_count"], 3);
    let log = server.stop();
    assert!(log.contains("graph 'ledger' has no policy"), "{log}");
    for secret in ["a-token", "b-token"] {
        assert!(!log.contains(secret), "{log}");
    }
    assert!(log.contains("matched_rule_id=\"r\"") && log.contains("actor_id=\"ada\""), "{log}");

    let server = server_folder.start(&["--config", "omnigraph.yaml", "--target", "atlas"], &[TOKENS]);
    for path in ["/schema", "/graphs/default/schema", "/graphs/atlas/schema"] {
        assert_eq!(server.get(path, Some("a-token")).await.0, 200, "{path}");
    }
    server.stop();
}

/// Arguments, environment, and parts of the message.
type Refused<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], &'a [&'a str]);

#[tokio::test]
async fn a_start_that_cannot_be_is_refused_with_the_cure() {
    let server_folder = ServerFolder::new().await;
    server_folder.write("p.yaml", "version: 1\n");
    server_folder.write("with-policy.yaml", "policy: { file: p.yaml }\ngraphs: { atlas: { uri: g } }\n");
    server_folder.write("bad-policy.yaml", "policy: { file: nowhere.yaml }\n");
    server_folder.write("bad-id.yaml", "graphs: { a_b: { uri: g } }\n");
    server_folder.write("twice.yaml", "graphs: { a: { uri: g }, b: { uri: ./g/ } }\n");
    server_folder.write("bad-query.yaml", "queries: { a: { file: a.gq }, b: { file: nope.gq } }\n");
    server_folder.write("stale-query.yaml", "queries: { a: { file: stale.gq } }\n");
    server_folder.write("a.gq", "query a( {");
    server_folder.write("stale.gq", "query a() { match { $c: Town } return { $c.name } }");
    server_folder.write("broken.yaml", "graphs: [\n");
    let refusals: [Refused; 16] = [
        (&["g"], &[], &["no bearer tokens", "--unauthenticated"]),
        (&[], &[], &["no graph to serve", "boots from a cluster", "--target", "server.graph", "--config"]),
        (&["g", "--cluster", "."], &[], &["exclusive boot source"]),
        (&["--cluster", ".", "--unauthenticated"], &[], &["no cluster support"]),
        (&["nowhere", "--unauthenticated"], &[], &["does not open", "no graph at"]),
        (
            &["g", "--config", "with-policy.yaml"],
            &[],
            &["policy file is configured but no bearer tokens", "every request would 401"],
        ),
        (&["g", "--config", "bad-policy.yaml"], &[TOKENS], &["nowhere.yaml"]),
        (
            &["--config", "with-policy.yaml"],
            &[TOKENS],
            &["top-level", "policy.file", "not honored", "graphs.<graph_id>", "server.policy.file"],
        ),
        (&["--config", "bad-id.yaml", "--unauthenticated"], &[], &["invalid graph id 'a_b'"]),
        (&["--config", "twice.yaml", "--unauthenticated"], &[], &["'a'", "'b'"]),
        (&["--config", "broken.yaml", "--unauthenticated"], &[], &["broken.yaml"]),
        (&["--config", "nowhere.yaml", "--unauthenticated"], &[], &["nowhere.yaml"]),
        (
            &["g", "--config", "bad-query.yaml", "--unauthenticated"],
            &[],
            &["query 'a'", "line 1", "query 'b'", "nope.gq"],
        ),
        (&["g", "--config", "stale-query.yaml", "--unauthenticated"], &[], &["schema check", "'a'", "Town"]),
        (&["g", "--unauthenticated", "--tls-cert", "c.pem"], &[], &["--tls-key"]),
        (&["g"], &[("OMNIGRAPH_SERVER_BEARER_TOKENS_JSON", "[1]")], &["OMNIGRAPH_SERVER_BEARER_TOKENS_JSON"]),
    ];
    for (args, env, parts) in refusals {
        let text = server_folder.refusal(args, env);
        for part in parts {
            assert!(text.contains(part), "{args:?}: '{part}' is not in {text}");
        }
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let text = server_folder.refusal(&["g", "--unauthenticated", "--bind", &address], &[]);
    assert!(text.contains(&format!("cannot listen on {address}")), "{text}");
    assert_eq!(server_folder.run(&["--bind", "8080"], &[]).status.code(), Some(2));
    let version = server_folder.run(&["--version"], &[]);
    assert_eq!(
        String::from_utf8_lossy(&version.stdout),
        format!("omnigraph-server {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[tokio::test]
async fn https_is_served_with_the_given_certificate() {
    let server_folder = ServerFolder::new().await;
    let files = std::env::current_dir().unwrap().join("tests/it/tls");
    let (cert, key) = (files.join("server.pem"), files.join("server.key"));
    let args =
        ["g", "--unauthenticated", "--tls-cert", cert.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
    let server = server_folder.start(&args, &[]);
    let root = reqwest::Certificate::from_pem(&std::fs::read(&cert).unwrap()).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([root]).build().unwrap();
    let url = format!("https://localhost:{}/healthz", server.address.port());
    let response = client.get(&url).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.version()), (200, reqwest::Version::HTTP_2));
    assert!(
        reqwest::Client::new().get(&url).send().await.is_err(),
        "nobody else vouches for the certificate"
    );
    server.stop();
    let text = server_folder.refusal(
        &[
            "g",
            "--unauthenticated",
            "--tls-cert",
            cert.to_str().unwrap(),
            "--tls-key",
            cert.to_str().unwrap(),
        ],
        &[],
    );
    assert!(text.contains("server.pem"), "{text}");
}

#[tokio::test]
async fn a_refusal_before_the_body_reaches_the_client_and_keeps_the_connection() {
    use std::io::Write;
    let server_folder = ServerFolder::new().await;
    let server = server_folder.start(&["g"], &[TOKENS]);
    let mut socket = std::net::TcpStream::connect(server.address).unwrap();
    let mut answers = BufReader::new(socket.try_clone().unwrap());
    let mut status = |socket: &mut std::net::TcpStream, path: &str, token: &str, body: usize| {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
             content-length: {body}\r\n\r\n"
        );
        socket.write_all(head.as_bytes()).unwrap();
        socket.write_all(&vec![b' '; body]).unwrap();
        let mut line = String::new();
        answers.read_line(&mut line).unwrap();
        let mut length = 0;
        loop {
            let mut header = String::new();
            answers.read_line(&mut header).unwrap();
            let header = header.trim().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(value) = header.strip_prefix("content-length: ") {
                length = value.parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        answers.read_exact(&mut body).unwrap();
        line.split(' ').nth(1).unwrap().to_owned()
    };
    for (path, token, body, expected) in [
        ("/query", "nope", 2 << 20, "401"),
        ("/load/ndjson", "a-token", 5 << 20, "403"),
        ("/query", "a-token", (1 << 20) + 1, "413"),
        ("/nowhere", "a-token", 3 << 20, "404"),
        ("/query", "a-token", 10, "400"),
    ] {
        assert_eq!(status(&mut socket, path, token, body), expected, "{path} {body}");
    }
    server.stop();
}

#[tokio::test]
async fn slow_clients_hold_nobody_up() {
    use std::io::Write;
    let server_folder = ServerFolder::new().await;
    let server = server_folder.start(&["g", "--unauthenticated"], &[]);
    let mut slow = Vec::new();
    for head in [
        "GET /schema HT",
        "POST /query HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{",
    ] {
        for _ in 0..100 {
            let mut socket = std::net::TcpStream::connect(server.address).unwrap();
            socket.write_all(head.as_bytes()).unwrap();
            slow.push(socket);
        }
    }
    assert_eq!(server.get("/schema", None).await.0, 200);
    assert_eq!(server.post("/mutate", None, add("quick")).await.0, 200);
    drop(slow);
    assert_eq!(server.get("/schema", None).await.0, 200);
    server.stop();
}

/// Reads until the server closes the connection.
fn until_closed(socket: &mut std::net::TcpStream) -> Vec<u8> {
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut bytes = Vec::new();
    match socket.read_to_end(&mut bytes) {
        Ok(_) => {}
        // Closed before it has read everything.
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
        Err(error) => panic!("still open: {error}"),
    }
    bytes
}

#[tokio::test]
async fn clients_that_do_not_go_on_sending_are_cut_off() {
    use std::io::Write;
    let server_folder = ServerFolder::new().await;
    let server = server_folder.start(&["g", "--unauthenticated", "--client-timeout", "500ms"], &[]);
    let head =
        "POST /query HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    let begun = ["", "P", "PRI * HTTP/2.0\r\n", "GET /schema HT", head].map(|text| {
        let mut socket = std::net::TcpStream::connect(server.address).unwrap();
        socket.write_all(text.as_bytes()).unwrap();
        (text, socket)
    });
    for (text, mut socket) in begun {
        let answer = until_closed(&mut socket);
        if text == head {
            assert!(answer.starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&answer));
        }
    }
    assert_eq!(server.get("/schema", None).await.0, 200);
    server.stop();
}

#[tokio::test]
async fn clients_that_do_not_go_on_reading_are_cut_off() {
    use std::io::Write;
    let server_folder = ServerFolder::new().await;
    // More than the buffers between the two hold.
    let rows: String =
        (0..50_000).map(|n| format!("{{\"type\":\"City\",\"data\":{{\"name\":\"{n:0>200}\"}}}}\n")).collect();
    let graph = Omnigraph::open(server_folder.path("g").to_str().unwrap()).await.unwrap();
    graph.load(Load::new("main", LoadSource::Text(rows), LoadMode::Append)).await.unwrap();
    graph.close().await;
    let server = server_folder.start(&["g", "--unauthenticated", "--client-timeout", "1s"], &[]);
    let mut still = Vec::new();
    for _ in 0..8 {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let socket = socket.connect(server.address).await.unwrap().into_std().unwrap();
        socket.set_nonblocking(false).unwrap();
        let mut request = &socket;
        request
            .write_all(
                b"POST /export HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
            )
            .unwrap();
        still.push(socket);
    }
    // Each of them that has begun to stream holds one of eight parts until it is cut off.
    let export = || {
        let client = reqwest::Client::new().post(server.url("/export"));
        client.header("content-type", "application/json").body("{}").send()
    };
    let whole = loop {
        let reply = export().await.unwrap();
        if reply.status() == 200 {
            break reply.bytes().await.unwrap();
        }
        assert_eq!(reply.status(), 413);
    };
    assert!(whole.len() > 10 << 20);
    for socket in &still {
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        assert!(socket.peek(&mut [0]).unwrap() > 0);
    }
    // All have been answered. Who reads on before it is cut off gets everything, so nobody does: the only request that is
    // left is the one that asks.
    until("the clients are cut off", || async { server.requests_in_flight().await == 1 }).await;
    for mut socket in still {
        let answer = until_closed(&mut socket);
        assert!(!answer.ends_with(b"0\r\n\r\n"), "{} bytes passed for everything", answer.len());
    }
    assert_eq!(export().await.unwrap().bytes().await.unwrap(), whole);
    let log = server.stop();
    assert!(log.contains("whose client takes nothing") || log.contains("stood still"), "{log}");
}
