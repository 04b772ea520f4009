//! A graph made, loaded, changed and asked: `cargo run -p omnigraph --example people`.

use omnigraph::Omnigraph;
use omnigraph::db::{JsonRows, Load, LoadMode, LoadSource, Mutate, row_objects};
use serde_json::{Value, json};

const SCHEMA: &str = "
    node Person { name: String @key  age: I32? }
    edge Knows: Person -> Person
";

const ROWS: &str = r#"
    {"type":"Person","data":{"name":"Ada","age":36}}
    {"type":"Person","data":{"name":"Bob"}}
    {"edge":"Knows","from":"Ada","to":"Bob"}
"#;

const QUERIES: &str = "
    query befriend($name: String, $friend: String) {
        insert Person { name: $name }
        insert Knows { from: $friend, to: $name }
    }
    query reach($name: String) {
        match { $p: Person { name: $name }  $p knows{1,3} $q }
        return { $q.name as name, $q.age as age }
        order { name }
    }
";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A path or s3://bucket/prefix keeps it; this one goes with the process.
    let graph = Omnigraph::init("memory://people", SCHEMA).await?;
    graph.load(Load::new("main", LoadSource::Text(ROWS.to_owned()), LoadMode::Append)).await?;

    // Two types, one commit.
    let mut befriend = Mutate::new("main", QUERIES);
    befriend.name = Some("befriend");
    befriend.params.extend([("name".to_owned(), json!("Cleo")), ("friend".to_owned(), json!("Bob"))]);
    let receipt = graph.mutate(befriend).await?;
    assert_eq!((receipt.result.affected_nodes, receipt.result.affected_edges), (1, 1));

    let params = [("name".to_owned(), json!("Ada"))].into_iter().collect();
    let answer = graph.query("main", QUERIES, Some("reach"), &params).await?;
    let rows: Value = answer
        .batches
        .iter()
        .flat_map(|batch| row_objects(batch, &answer.columns, JsonRows::Exact))
        .collect();
    println!("{rows:#}");
    assert_eq!(rows, json!([{"name": "Bob", "age": null}, {"name": "Cleo", "age": null}]));
    Ok(())
}
