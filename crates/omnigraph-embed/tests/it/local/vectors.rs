//! What a model computes.

use candle_core::DType;
use omnigraph_embed::ModelError;
use serde_json::json;

use crate::local::by_hand::{self, Bend, gelu, gelu_tanh, ids, mean, relu, states, unit};
use crate::local::tiny::{self, HIDDEN, POSITIONS, TinyModel};

const TEXTS: [(&str, &[&str]); 6] = [
    ("ferry", &["ferry"]),
    ("the old ferry is fast", &["the", "old", "ferry", "is", "fast"]),
    ("", &[]),
    ("boats", &["boat", "##s"]),
    (
        "a train to the sea: a slow train of the old port",
        &["a", "train", "to", "the", "sea", ":", "a", "slow", "train", "of", "the", "old", "port"],
    ),
    ("bread and quux", &["bread", "and", "[UNK]"]),
];

fn close(actual: &[f32], expected: &[f64]) {
    assert_eq!(actual.len(), expected.len());
    for (n, (actual, expected)) in actual.iter().zip(expected).enumerate() {
        assert!(
            (f64::from(*actual) - expected).abs() < 2e-5,
            "component {n}: {actual} instead of {expected}"
        );
    }
}

#[tokio::test]
async fn vectors_are_those_of_the_published_architecture() {
    for (name, bend) in [("gelu", gelu as Bend), ("gelu_new", gelu_tanh), ("relu", relu)] {
        let model = TinyModel::new();
        let mut config = tiny::config();
        config["hidden_act"] = json!(name);
        model.write("config.json", &config);
        let client = model.client();
        for (text, words) in TEXTS {
            let expected = mean(&states(&model.weights, &ids(words), bend));
            close(&client.embed_document_text(text, HIDDEN).await.unwrap(), &expected);
            close(&client.embed_query_text(text, HIDDEN).await.unwrap(), &expected);
        }
    }
}

#[tokio::test]
async fn the_pooling_file_decides_how_states_become_a_vector() {
    let model = TinyModel::new();
    let (text, words) = TEXTS[1];
    let all = states(&model.weights, &ids(words), gelu);
    let flags = |cls: bool| {
        json!({"word_embedding_dimension": HIDDEN, "pooling_mode_cls_token": cls, "pooling_mode_mean_tokens": !cls,
            "pooling_mode_max_tokens": false, "pooling_mode_mean_sqrt_len_tokens": false})
    };
    for (file, expected) in [
        (flags(true), unit(all[0].clone())),
        (flags(false), mean(&all)),
        (json!({"pooling_mode": "cls"}), unit(all[0].clone())),
        (json!({"pooling_mode": "mean", "include_prompt": true}), mean(&all)),
    ] {
        model.write("1_Pooling/config.json", &file);
        close(&model.client().embed_document_text(text, HIDDEN).await.unwrap(), &expected);
    }
}

#[tokio::test]
async fn a_vector_does_not_depend_on_the_texts_beside_it() {
    let model = TinyModel::new();
    let client = model.client();
    // More tokens than one batch holds, in many lengths.
    let texts: Vec<&str> = TEXTS.iter().map(|(text, _)| *text).cycle().take(400).collect();
    let together = client.embed_documents(&texts, HIDDEN).await.unwrap();
    assert_eq!(together.len(), texts.len());
    for (text, beside_others) in texts.iter().zip(&together) {
        let alone = client.embed_document_text(text, HIDDEN).await.unwrap();
        let widest = alone.iter().zip(beside_others).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(widest < 1e-6, "'{text}' moved by {widest}");
        let length = alone.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
        assert!((length - 1.0).abs() < 1e-6);
    }
    assert_eq!(client.embed_documents(&texts, HIDDEN).await.unwrap(), together);
}

#[tokio::test]
async fn a_text_is_cut_at_the_most_tokens_of_the_model() {
    let model = TinyModel::new();
    let long = ["ferry", "boat", "sea", "port"].repeat(10);
    let text = long.join(" ");
    for (file, most) in [
        (None, POSITIONS),
        (Some(json!({"max_seq_length": 7, "do_lower_case": false})), 7),
        (Some(json!({"max_seq_length": 512})), POSITIONS),
        (Some(json!({"max_seq_length": null})), POSITIONS),
    ] {
        if let Some(file) = file {
            model.write("sentence_bert_config.json", &file);
        }
        let expected = mean(&states(&model.weights, &ids(&long[..most - 2]), gelu));
        close(&model.client().embed_document_text(&text, HIDDEN).await.unwrap(), &expected);
    }
}

#[tokio::test]
async fn prompts_stand_in_front_of_queries_and_of_stored_texts() {
    let model = TinyModel::new();
    model.write("config_sentence_transformers.json", &json!({
        "prompts": {"query": "query: ", "passage": "passage: ", "other": "red "}, "default_prompt_name": null}));
    let vector = |words: &[&str]| mean(&states(&model.weights, &ids(words), gelu));
    let client = model.client();
    close(&client.embed_query_text("ferry", HIDDEN).await.unwrap(), &vector(&["query", ":", "ferry"]));
    close(&client.embed_document_text("ferry", HIDDEN).await.unwrap(), &vector(&["passage", ":", "ferry"]));

    model.write(
        "config_sentence_transformers.json",
        &json!({
        "prompts": {"other": "red "}, "default_prompt_name": "other", "similarity_fn_name": "cosine"}),
    );
    let client = model.client();
    close(&client.embed_query_text("ferry", HIDDEN).await.unwrap(), &vector(&["red", "ferry"]));
    close(&client.embed_document_text("ferry", HIDDEN).await.unwrap(), &vector(&["red", "ferry"]));
}

#[tokio::test]
async fn texts_are_put_in_lower_case_when_the_model_says_so() {
    let model = TinyModel::new();
    let vector = |words: &[&str]| mean(&states(&model.weights, &ids(words), gelu));
    close(&model.client().embed_document_text("FERRY", HIDDEN).await.unwrap(), &vector(&["[UNK]"]));
    model.write("sentence_bert_config.json", &json!({"max_seq_length": 8, "do_lower_case": true}));
    close(&model.client().embed_document_text("FERRY", HIDDEN).await.unwrap(), &vector(&["ferry"]));
}

#[tokio::test]
async fn weights_may_be_of_half_precision_and_under_a_prefix() {
    let model = TinyModel::new();
    let expected = mean(&states(&model.weights, &ids(TEXTS[1].1), gelu));
    for (prefix, dtype, least) in
        [("bert.", DType::F32, 0.999_999_9), ("", DType::F16, 0.999), ("", DType::BF16, 0.99)]
    {
        model.write_weights(prefix, dtype);
        let vector = model.client().embed_document_text(TEXTS[1].0, HIDDEN).await.unwrap();
        let cosine: f64 = vector.iter().zip(&expected).map(|(a, b)| f64::from(*a) * b).sum();
        assert!(cosine > least, "{prefix}{dtype:?}: {cosine}");
    }
}

#[tokio::test]
async fn a_model_is_loaded_at_the_first_need_and_once_for_all() {
    let model = TinyModel::new();
    let client = model.client();
    let moved = model.directory().with_extension("moved");
    std::fs::rename(model.directory(), &moved).unwrap();
    let error = client.embed_query_text("ferry", HIDDEN).await.unwrap_err();
    assert!(matches!(tiny::model_error(error), ModelError::Missing { .. }));
    std::fs::rename(&moved, model.directory()).unwrap();

    let requests = (0..32).map(|_| client.embed_document_text("the old ferry is fast", HIDDEN));
    let vectors = futures::future::try_join_all(requests).await.unwrap();
    std::fs::rename(model.directory(), &moved).unwrap();
    let clone = client.clone();
    assert_eq!(clone.embed_document_text("the old ferry is fast", HIDDEN).await.unwrap(), vectors[31]);
    let expected = mean(&states(&model.weights, &ids(TEXTS[1].1), by_hand::gelu));
    vectors.iter().for_each(|vector| close(vector, &expected));
}
