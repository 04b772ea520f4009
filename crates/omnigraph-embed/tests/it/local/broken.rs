//! What a model directory can have wrong, and what is said then.

use std::path::Path;

use candle_core::DType;
use omnigraph_embed::{EmbedError, ModelError};
use serde_json::{Value, json};

use crate::local::tiny::{self, HIDDEN, TinyModel, WORDS};

/// Loads the model and returns why that fails. The message names `file` by its path.
async fn refusal(model: &TinyModel, file: &str) -> ModelError {
    match model.client().embed_document_text("ferry", HIDDEN).await {
        Err(error @ EmbedError::Model(_)) => {
            assert!(!error.is_retryable());
            let path = model.path(file);
            assert!(error.to_string().contains(path.to_str().unwrap()), "{error} does not name {file}");
            tiny::model_error(error)
        }
        other => panic!("{file}: {other:?}"),
    }
}

fn config_with(key: &str, value: Value) -> TinyModel {
    let model = TinyModel::new();
    let mut config = tiny::config();
    config[key] = value;
    model.write("config.json", &config);
    model
}

#[tokio::test]
async fn a_missing_file_is_named() {
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        let model = TinyModel::new();
        std::fs::remove_file(model.path(file)).unwrap();
        let error = refusal(&model, file).await;
        assert!(matches!(&error, ModelError::Missing { path } if *path == model.path(file)), "{error}");
        assert!(error.to_string().contains("sentence-transformers"), "{error}");
    }
    let error =
        tiny::client(Path::new("/nowhere/at/all")).embed_query_text("ferry", HIDDEN).await.unwrap_err();
    assert!(matches!(tiny::model_error(error), ModelError::Missing { .. }));
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_named() {
    let model = TinyModel::new();
    std::fs::remove_file(model.path("tokenizer.json")).unwrap();
    std::fs::create_dir(model.path("tokenizer.json")).unwrap();
    let error = refusal(&model, "tokenizer.json").await;
    assert!(matches!(error, ModelError::Read { .. }), "{error}");
}

#[tokio::test]
async fn a_configuration_that_is_no_json_is_refused() {
    for file in [
        "config.json",
        "modules.json",
        "1_Pooling/config.json",
        "sentence_bert_config.json",
        "config_sentence_transformers.json",
    ] {
        let model = TinyModel::new();
        model.write_bytes(file, b"{\"hidden_size\": 32,");
        let error = refusal(&model, file).await;
        assert!(matches!(error, ModelError::Json { .. }), "{error}");
    }
    let model = TinyModel::new();
    model.write("config.json", &json!({"model_type": "bert", "hidden_size": 32}));
    assert!(matches!(refusal(&model, "config.json").await, ModelError::Json { .. }));
    let model = config_with("hidden_act", json!("swish"));
    let error = refusal(&model, "config.json").await;
    assert!(
        matches!(&error, ModelError::Json { source, .. } if source.to_string().contains("swish")),
        "{error}"
    );
}

#[tokio::test]
async fn another_architecture_is_named() {
    let model = config_with("model_type", json!("mpnet"));
    // The configuration of another architecture lacks keys of this one.
    model.write("config.json", &json!({"model_type": "mpnet", "relative_attention_num_buckets": 32}));
    let error = refusal(&model, "config.json").await;
    assert!(matches!(&error, ModelError::Architecture { found, .. } if found == "mpnet"), "{error}");
}

#[tokio::test]
async fn what_is_not_built_in_is_refused_rather_than_left_out() {
    for (key, value) in [
        ("position_embedding_type", json!("relative_key")),
        ("num_attention_heads", json!(5)),
        ("num_attention_heads", json!(0)),
        ("hidden_size", json!(0)),
        ("max_position_embeddings", json!(2)),
    ] {
        let error = refusal(&config_with(key, value), "config.json").await;
        assert!(matches!(error, ModelError::Unsupported { .. }), "{key}: {error}");
    }
    let pooling = |file: Value| ("1_Pooling/config.json", file);
    for (file, value) in [
        pooling(json!({"pooling_mode_max_tokens": true})),
        pooling(json!({"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": true})),
        pooling(json!({"pooling_mode_cls_token": false})),
        pooling(json!({"pooling_mode": "lasttoken"})),
        pooling(json!({"pooling_mode_mean_tokens": true, "word_embedding_dimension": 768})),
        (
            "modules.json",
            json!([{"idx": 0, "path": "", "type": "sentence_transformers.models.Transformer"},
                {"idx": 2, "path": "2_Dense", "type": "sentence_transformers.models.Dense"}]),
        ),
        ("sentence_bert_config.json", json!({"max_seq_length": 2})),
    ] {
        let model = TinyModel::new();
        model.write(file, &value);
        let error = refusal(&model, if file.starts_with("sentence") { "config.json" } else { file }).await;
        assert!(matches!(error, ModelError::Unsupported { .. }), "{file} {value}: {error}");
    }
    let model = TinyModel::new();
    model.write("1_Pooling/config.json", &json!({"pooling_mode_mean_tokens": true, "include_prompt": false}));
    assert!(model.client().embed_document_text("ferry", HIDDEN).await.is_ok());
    model.write("config_sentence_transformers.json", &json!({"prompts": {"query": "query: "}}));
    assert!(matches!(refusal(&model, "1_Pooling/config.json").await, ModelError::Unsupported { .. }));
}

#[tokio::test]
async fn modules_of_a_plain_sentence_model_are_accepted() {
    let model = TinyModel::new();
    model.write(
        "modules.json",
        &json!([
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}]),
    );
    assert!(model.client().embed_document_text("ferry", HIDDEN).await.is_ok());
}

#[tokio::test]
async fn a_tokenizer_that_is_unknown_or_of_another_model_is_refused() {
    let model = TinyModel::new();
    for bytes in [&b"{}"[..], b"not json", br#"{"version": "1.0", "model": {"type": "Oracle", "vocab": {}}}"#]
    {
        model.write_bytes("tokenizer.json", bytes);
        let error = refusal(&model, "tokenizer.json").await;
        assert!(matches!(error, ModelError::Tokenizer { .. }), "{error}");
    }
    let mut more = tiny::tokenizer();
    more["model"]["vocab"]["zebra"] = json!(WORDS.len());
    model.write("tokenizer.json", &more);
    let error = refusal(&model, "tokenizer.json").await;
    assert!(matches!(&error, ModelError::Tokenizer { reason, .. } if reason.contains("31")), "{error}");
}

#[tokio::test]
async fn damaged_weights_are_refused() {
    let model = TinyModel::new();
    let whole = std::fs::read(model.path("model.safetensors")).unwrap();
    for bytes in
        [&whole[..0], &whole[..7], &whole[..100], &whole[..whole.len() - 1], b"PK\x03\x04 not safetensors"]
    {
        model.write_bytes("model.safetensors", bytes);
        let error = refusal(&model, "model.safetensors").await;
        assert!(matches!(error, ModelError::Weights { .. }), "{error}");
    }
    model.write_weights("", DType::U32);
    let error = refusal(&model, "model.safetensors").await;
    assert!(matches!(error, ModelError::Weights { .. }), "{error}");
}

#[tokio::test]
async fn weights_of_another_model_are_refused_with_the_tensor_and_both_shapes() {
    let error = refusal(&config_with("num_hidden_layers", json!(3)), "model.safetensors").await;
    let named = |tensor: &str| tensor.starts_with("encoder.layer.2.");
    assert!(matches!(&error, ModelError::MissingTensor { tensor, .. } if named(tensor)), "{error}");

    let error = refusal(&config_with("vocab_size", json!(31)), "model.safetensors").await;
    let ModelError::Shape { tensor, expected, actual, .. } = error else { panic!("{error}") };
    assert_eq!(tensor, "embeddings.word_embeddings.weight");
    assert_eq!((expected, actual), (vec![31, HIDDEN], vec![WORDS.len(), HIDDEN]));

    let error = refusal(&config_with("intermediate_size", json!(64)), "model.safetensors").await;
    assert!(matches!(error, ModelError::Shape { .. }), "{error}");

    let model = TinyModel::new();
    model.write_weights("roberta.", DType::F32);
    assert!(matches!(refusal(&model, "model.safetensors").await, ModelError::MissingTensor { .. }));
}

#[tokio::test]
async fn another_dimension_than_the_model_has_is_refused_with_both() {
    let model = TinyModel::new();
    let error = model.client().embed_query_text("ferry", 8).await.unwrap_err();
    assert!(error.to_string().contains("32") && error.to_string().contains('8'), "{error}");
    let error = tiny::model_error(error);
    assert!(matches!(error, ModelError::Dimension { asked: 8, actual: HIDDEN, .. }), "{error}");
    let error = model.client().embed_query_text("ferry", 0).await.unwrap_err();
    assert!(matches!(error, EmbedError::ZeroDimension));
}

#[tokio::test]
async fn weights_that_are_no_numbers_make_no_vector() {
    let mut model = TinyModel::new();
    model.weights.get_mut("encoder.layer.1.output.LayerNorm.bias").unwrap().1[3] = f32::NAN;
    model.write_weights("", DType::F32);
    let error = model.client().embed_query_text("ferry", HIDDEN).await.unwrap_err();
    assert!(matches!(error, EmbedError::NonFinite { component: 3 }), "{error}");
}

#[tokio::test]
async fn a_text_without_tokens_has_no_vector() {
    let model = TinyModel::new();
    let mut bare = tiny::tokenizer();
    bare["post_processor"] = Value::Null;
    model.write("tokenizer.json", &bare);
    let client = model.client();
    assert!(matches!(client.embed_document_text(" ", HIDDEN).await, Err(EmbedError::ZeroVector)));
    assert!(client.embed_document_text("ferry", HIDDEN).await.is_ok());
}
