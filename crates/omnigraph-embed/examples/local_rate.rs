//! Embeds the lines of a file with a sentence model in this process and tells how many it embeds in a second.
//!
//! ```sh
//! cargo run -p omnigraph-embed --features local-models --example local_rate -- DIRECTORY TEXTS [VECTORS]
//! ```
//!
//! `VECTORS` is written as a JSON array per line, in the order of the texts.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use omnigraph_embed::{EmbedError, EmbeddingClient, EmbeddingConfig, ModelError, Provider};

/// Texts that are handed over at a time.
const WINDOW: usize = 256;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [directory, texts, rest @ ..] = arguments.as_slice() else {
        return Err("usage: local_rate DIRECTORY TEXTS [VECTORS]".into());
    };
    let client =
        EmbeddingClient::new(EmbeddingConfig::from_parts(Provider::Local, Some(directory), None, None)?)?;
    let started = Instant::now();
    // The model says its dimension when it is asked for another one.
    let dimension = match client.embed_query_text("", usize::MAX).await {
        Err(EmbedError::Model(error)) => match *error {
            ModelError::Dimension { actual, .. } => actual,
            error => return Err(error.into()),
        },
        other => return other.map(|_| ()).map_err(Into::into),
    };
    println!("{} of {dimension} dimensions loaded in {:.0?}", client.model(), started.elapsed());

    let texts = std::fs::read_to_string(Path::new(texts))?;
    let texts: Vec<&str> = texts.lines().collect();
    let started = Instant::now();
    let mut vectors = Vec::with_capacity(texts.len());
    for window in texts.chunks(WINDOW) {
        vectors.extend(client.embed_documents(window, dimension).await?);
    }
    let seconds = started.elapsed().as_secs_f64();
    println!("{} texts in {seconds:.2} s: {:.0} per second", texts.len(), texts.len() as f64 / seconds);

    let started = Instant::now();
    let queries = texts.len().min(100);
    for (number, text) in texts[..queries].iter().enumerate() {
        client.embed_query_text(&format!("{number} {text}"), dimension).await?;
    }
    println!("one text at a time: {:.1?} each", started.elapsed() / u32::try_from(queries.max(1))?);
    if let [path, ..] = rest {
        let lines: Vec<String> = vectors.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
        std::fs::write(path, lines.join("\n"))?;
    }
    Ok(())
}
