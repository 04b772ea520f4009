//! An HTTP/1.1 server on an ephemeral port that answers as a test says and remembers what it was asked.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A request as the server saw it. Header names are in lower case.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Value,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn texts(&self) -> Vec<String> {
        let input = self.body["input"].as_array().expect("a list of texts");
        input.iter().map(|text| text.as_str().expect("a text").to_owned()).collect()
    }
}

/// What the server does with a request.
pub(crate) enum Reply {
    Answer {
        status: u16,
        headers: &'static str,
        body: String,
    },
    /// Reads the request and never answers.
    Silence,
    /// Closes the connection in the middle of the answer.
    Break,
}

impl Reply {
    pub(crate) fn status(status: u16) -> Reply {
        Reply::Answer { status, headers: "", body: json!({"error": {"message": "told to fail"}}).to_string() }
    }

    pub(crate) fn ok(body: impl ToString) -> Reply {
        Reply::Answer { status: 200, headers: "", body: body.to_string() }
    }

    /// The vector of each text is its length and the components 1, 0…; the items come in reverse order.
    pub(crate) fn vectors(seen: &Seen) -> Reply {
        let dimension = seen.body["dimensions"].as_u64().expect("a dimension") as usize;
        let vector = |text: String| {
            let mut vector = vec![0.0; dimension];
            vector[0] = text.len() as f64;
            vector[1] = 1.0;
            vector
        };
        let items = seen.texts().into_iter().map(vector).enumerate().rev();
        let items: Vec<Value> = items.map(|(at, vector)| json!({"index": at, "embedding": vector})).collect();
        Reply::ok(json!({"object": "list", "data": items}))
    }
}

type Script = dyn Fn(usize, &Seen) -> Reply + Send + Sync;

/// Stops when dropped.
pub(crate) struct Server {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Answers each request with the script, which gets the number of the request, from 0, and the request.
    pub(crate) async fn start(script: impl Fn(usize, &Seen) -> Reply + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/v1", listener.local_addr().expect("an address"));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (script, shared): (Arc<Script>, _) = (Arc::new(script), seen.clone());
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, script.clone(), shared.clone()));
            }
        });
        Server { url, seen, task }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

/// Serves the requests of one connection, one after the other.
async fn serve(stream: TcpStream, script: Arc<Script>, shared: Arc<Mutex<Vec<Seen>>>) {
    let mut stream = BufReader::new(stream);
    while let Some(seen) = receive(&mut stream).await {
        let number = {
            let mut all = shared.lock().unwrap();
            all.push(seen.clone());
            all.len() - 1
        };
        let bytes = match script(number, &seen) {
            Reply::Answer { status, headers, body } => {
                format!("HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
            }
            Reply::Silence => std::future::pending().await,
            Reply::Break => {
                let _ = stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{").await;
                return;
            }
        };
        if stream.get_mut().write_all(bytes.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn receive(stream: &mut BufReader<TcpStream>) -> Option<Seen> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let path = lines[0].split(' ').nth(1)?.to_owned();
    assert!(lines[0].starts_with("POST "), "{}", lines[0]);
    let headers: Vec<(String, String)> = lines[1..]
        .iter()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length")?.1.parse().ok()?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Seen { path, headers, body: serde_json::from_slice(&body).expect("a JSON body") })
}
