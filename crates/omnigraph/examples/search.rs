//! Ranked by words, by meaning, and by both: `cargo run -p omnigraph --example search`.

use std::sync::Arc;

use omnigraph::Omnigraph;
use omnigraph::db::{JsonRows, Load, LoadMode, LoadSource, OpenOptions, row_objects};
use omnigraph::embedding::{EmbeddingConfig, Provider};
use serde_json::json;

const SCHEMA: &str = "
    node Note {
        slug: String @key
        text: String @index
        vec: Vector(8)? @embed(text)
    }
";

const NOTES: [(&str, &str); 3] = [
    ("bread", "Baking bread takes flour, water and patience"),
    ("edges", "Edges connect the nodes of a graph"),
    ("graphs", "A graph database keeps its nodes and edges in tables"),
];

const QUERIES: &str = "
    query words($q: String) {
        match { $n: Note }
        return { $n.slug as slug }
        order { bm25($n.text, $q) }
    }
    query meaning($q: String) {
        match { $n: Note }
        return { $n.slug as slug }
        order { nearest($n.vec, $q) }
        limit 2
    }
    query both($q: String) {
        match { $n: Note }
        return { $n.slug as slug }
        order { rrf(nearest($n.vec, $q), bm25($n.text, $q)) }
        limit 2
    }
";

async fn ask(graph: &Omnigraph, query: &str, text: &str) -> omnigraph::Result<Vec<String>> {
    let params = [("q".to_owned(), json!(text))].into_iter().collect();
    let answer = graph.query("main", QUERIES, Some(query), &params).await?;
    let rows = answer.batches.iter().flat_map(|batch| row_objects(batch, &answer.columns, JsonRows::Exact));
    let slugs = rows.filter_map(|row| Some(row["slug"].as_str()?.to_owned())).collect();
    println!("{query} of {text:?}: {slugs:?}");
    Ok(slugs)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The mock gives each text a vector of its own and knows no meaning; another provider takes its place here.
    let embedder = EmbeddingConfig::from_parts(Provider::Mock, None, None, None)?;
    let options = OpenOptions { embed_on_write: true, ..OpenOptions::default() };
    let graph = Omnigraph::init_with("memory://search", SCHEMA, &options).await?;
    let graph = graph.with_embedding_config(Arc::new(embedder));

    // The vectors are left out, so the load computes them.
    let line = |(slug, text)| json!({"type": "Note", "data": {"slug": slug, "text": text}}).to_string();
    let text = NOTES.map(line).join("\n");
    graph.load(Load::new("main", LoadSource::Text(text), LoadMode::Append)).await?;

    // Rows that share no word are no answer; the shorter text counts for more.
    assert_eq!(ask(&graph, "words", "graph edges").await?, ["edges", "graphs"]);
    // The same text has the same vector.
    let (bread, edges) = (NOTES[0].1, NOTES[1].1);
    assert_eq!(ask(&graph, "meaning", bread).await?[0], "bread");
    assert_eq!(ask(&graph, "both", edges).await?[0], "edges");
    Ok(())
}
