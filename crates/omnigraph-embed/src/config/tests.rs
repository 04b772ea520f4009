use super::*;

fn env(pairs: &[(&str, &str)]) -> Result<EmbeddingConfig> {
    EmbeddingConfig::from_vars(&lookup(pairs))
}

fn lookup(pairs: &[(&str, &str)]) -> impl Fn(&str) -> Option<String> {
    let pairs: Vec<(String, String)> = pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    move |name| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
}

fn key_of(config: &EmbeddingConfig) -> &str {
    &config.remote().expect("a remote provider").api_key.0
}

#[test]
fn defaults_of_each_provider() {
    let keys = [("OPENROUTER_API_KEY", "r"), ("OPENAI_API_KEY", "o"), ("GEMINI_API_KEY", "g")];
    for (name, url, model, key) in [
        ("", "https://openrouter.ai/api/v1", "openai/text-embedding-3-large", "r"),
        ("openai-compatible", "https://openrouter.ai/api/v1", "openai/text-embedding-3-large", "r"),
        ("openai", "https://api.openai.com/v1", "text-embedding-3-large", "o"),
        ("gemini", "https://generativelanguage.googleapis.com/v1beta", "gemini-embedding-2", "g"),
    ] {
        let config = env(&[&keys[..], &[("OMNIGRAPH_EMBED_PROVIDER", name)]].concat()).unwrap();
        assert_eq!((config.base_url(), config.model(), key_of(&config)), (Some(url), model, key), "{name}");
    }
}

#[test]
fn openai_compatible_falls_back_to_the_openai_key() {
    let config = env(&[("OPENROUTER_API_KEY", " "), ("OPENAI_API_KEY", "o")]).unwrap();
    assert_eq!(key_of(&config), "o");
}

#[test]
fn a_missing_key_names_its_variables() {
    let error = env(&[("GEMINI_API_KEY", "g")]).unwrap_err();
    assert!(matches!(error, EmbedError::MissingKey { provider: Provider::OpenAiCompatible, .. }));
    assert!(error.to_string().contains("OPENROUTER_API_KEY or OPENAI_API_KEY"), "{error}");
    let error = env(&[("OMNIGRAPH_EMBED_PROVIDER", "gemini"), ("OPENAI_API_KEY", "o")]).unwrap_err();
    assert!(matches!(error, EmbedError::MissingKey { variables: ["GEMINI_API_KEY"], .. }));
}

#[test]
fn overrides_and_the_slash_at_the_end() {
    let config = env(&[
        ("OMNIGRAPH_EMBED_BASE_URL", "http://localhost:11434/v1//"),
        ("OMNIGRAPH_EMBED_MODEL", "nomic"),
        ("OPENAI_API_KEY", "o"),
    ])
    .unwrap();
    assert_eq!((config.base_url(), config.model()), (Some("http://localhost:11434/v1"), "nomic"));
}

#[test]
fn the_mock_flag_wins_and_needs_no_key() {
    for flag in ["1", "true", "YES", "on"] {
        let config =
            env(&[("OMNIGRAPH_EMBEDDINGS_MOCK", flag), ("OMNIGRAPH_EMBED_PROVIDER", "openai")]).unwrap();
        assert_eq!((config.provider(), config.model(), config.base_url()), (Provider::Mock, "", None));
    }
    let off = env(&[("OMNIGRAPH_EMBEDDINGS_MOCK", "0"), ("OPENAI_API_KEY", "o")]).unwrap();
    assert_eq!(off.provider(), Provider::OpenAiCompatible);

    let configured = EmbeddingConfig::from_parts(Provider::OpenAi, None, None, Some("k")).unwrap();
    let forced = configured.clone().with_mock_flag(&lookup(&[("OMNIGRAPH_EMBEDDINGS_MOCK", "on")]));
    assert_eq!((forced.provider(), forced.model()), (Provider::Mock, "text-embedding-3-large"));
    assert_eq!(configured.clone().with_mock_flag(&lookup(&[])), configured);
}

#[test]
fn limits_have_defaults_and_ranges() {
    assert_eq!(Limits::from_vars(&lookup(&[])).unwrap(), Limits::default());
    let all = Limits::from_vars(&lookup(&[
        ("OMNIGRAPH_EMBED_DEADLINE_MS", "0"),
        ("OMNIGRAPH_EMBED_TIMEOUT_MS", "7"),
        ("OMNIGRAPH_EMBED_RETRY_ATTEMPTS", "2"),
        ("OMNIGRAPH_EMBED_RETRY_BACKOFF_MS", "0"),
    ]))
    .unwrap();
    let ms = Duration::from_millis;
    assert_eq!(all, Limits { deadline: None, timeout: ms(7), attempts: 2, backoff: ms(0) });
    for (variable, value) in [
        ("OMNIGRAPH_EMBED_TIMEOUT_MS", "0"),
        ("OMNIGRAPH_EMBED_RETRY_ATTEMPTS", "0"),
        ("OMNIGRAPH_EMBED_RETRY_ATTEMPTS", "4294967296"),
        ("OMNIGRAPH_EMBED_DEADLINE_MS", "-1"),
        ("OMNIGRAPH_EMBED_RETRY_BACKOFF_MS", "fast"),
    ] {
        let error = Limits::from_vars(&lookup(&[(variable, value)])).unwrap_err();
        assert!(error.to_string().contains(variable), "{error}");
    }
}

#[test]
fn unusable_names_urls_and_keys_are_refused_without_showing_secrets() {
    let error = env(&[("OMNIGRAPH_EMBED_PROVIDER", "cohere")]).unwrap_err();
    assert!(matches!(error, EmbedError::UnknownProvider { name } if name == "cohere"));
    for url in [
        "not a url",
        "ftp://h/v1",
        "https://u:hunter2@h/v1",
        "https://h/v1?key=hunter2",
        "https://h/#hunter2",
    ] {
        let error = EmbeddingConfig::from_parts(Provider::OpenAi, None, Some(url), Some("k")).unwrap_err();
        assert!(matches!(error, EmbedError::InvalidBaseUrl { .. }), "{url}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
    let error = EmbeddingConfig::from_parts(Provider::OpenAi, None, None, Some("sk\nhunter2")).unwrap_err();
    assert!(matches!(error, EmbedError::InvalidKey { .. }));
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    let config = EmbeddingConfig::from_parts(Provider::OpenAi, None, None, Some("hunter2")).unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[cfg(feature = "local-models")]
#[test]
fn the_local_model_is_a_directory_with_a_name() {
    for (model, name, directory) in [
        ("/models/all-MiniLM-L6-v2", "all-MiniLM-L6-v2", "/models/all-MiniLM-L6-v2"),
        ("/models/all-MiniLM-L6-v2/", "all-MiniLM-L6-v2", "/models/all-MiniLM-L6-v2/"),
        ("minilm", "minilm", "minilm"),
        ("st/all-MiniLM-L6-v2 = /models/x", "st/all-MiniLM-L6-v2", "/models/x"),
        ("m=/models/a=b", "m", "/models/a=b"),
    ] {
        let config = env(&[("OMNIGRAPH_EMBED_PROVIDER", "local"), ("OMNIGRAPH_EMBED_MODEL", model)]).unwrap();
        assert_eq!(config.provider(), Provider::Local);
        assert_eq!((config.model(), config.model_directory()), (name, Some(Path::new(directory))), "{model}");
        assert_eq!(config.base_url(), None);
        let mock = config.with_mock_flag(&lookup(&[("OMNIGRAPH_EMBEDDINGS_MOCK", "1")]));
        assert_eq!((mock.provider(), mock.model(), mock.model_directory()), (Provider::Mock, name, None));
    }
    for model in ["/", "..", "=/models/x", "m="] {
        let error = EmbeddingConfig::from_parts(Provider::Local, Some(model), None, None).unwrap_err();
        assert!(matches!(error, EmbedError::InvalidSetting { variable: MODEL, .. }), "{model}: {error}");
    }
    let error = EmbeddingConfig::from_parts(Provider::Local, Some(" "), None, None).unwrap_err();
    assert!(matches!(error, EmbedError::MissingModel { .. }), "{error}");
    assert!(error.to_string().contains(MODEL), "{error}");
}

#[cfg(not(feature = "local-models"))]
#[test]
fn a_build_without_local_models_names_the_cargo_feature() {
    let error =
        env(&[("OMNIGRAPH_EMBED_PROVIDER", "local"), ("OMNIGRAPH_EMBED_MODEL", "/models/m")]).unwrap_err();
    assert!(matches!(error, EmbedError::NotBuiltIn { provider: Provider::Local, .. }), "{error}");
    assert!(error.to_string().contains("local-models"), "{error}");
}

#[test]
fn the_mock_goes_by_the_name_of_the_local_model() {
    let config = env(&[
        ("OMNIGRAPH_EMBEDDINGS_MOCK", "1"),
        ("OMNIGRAPH_EMBED_PROVIDER", "local"),
        ("OMNIGRAPH_EMBED_MODEL", "m=/models/x"),
    ]);
    assert_eq!(config.unwrap().model(), "m");
}

#[test]
fn a_model_mismatch_says_what_to_set() {
    let error = |provider| {
        let (recorded, configured) = ("m".to_owned(), "n".to_owned());
        EmbedError::ModelMismatch { recorded, configured, provider }.to_string()
    };
    assert!(error(Provider::Local).ends_with("set OMNIGRAPH_EMBED_MODEL to 'm=DIRECTORY'"));
    assert!(error(Provider::OpenAi).ends_with("set OMNIGRAPH_EMBED_MODEL to 'm'"));
}
