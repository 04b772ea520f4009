//! The profiles of the configuration, as `profile list` and `profile show` print them.

use serde::Serialize;

use super::config::{OperatorConfig, OutputFormat};
use super::env::{Env, set};
use super::scope::{Binding, PROFILE_VARIABLE, ScopeError, binding, profile};

/// Name under which the defaults are shown.
const DEFAULTS: &str = "(defaults)";

/// A profile in the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProfileEntry {
    /// Its name.
    pub name: String,
    /// What it binds, as `server: prod`, or `invalid: ` and why.
    pub binding: String,
    /// `server`, `cluster`, `store` or `invalid`.
    pub scope_kind: &'static str,
    /// What it binds, as written.
    pub target: Option<String>,
    /// Whether it binds one thing.
    pub valid: bool,
    /// Why it is not valid.
    pub error: Option<String>,
    /// Its graph.
    pub default_graph: Option<String>,
    /// Whether the environment selects it.
    pub active: bool,
}

/// A profile, or the defaults, with what they come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProfileShow {
    /// Its name.
    pub name: String,
    /// `server`, `cluster`, `store` or `none`.
    pub scope_kind: &'static str,
    /// What it binds, as written.
    pub target: Option<String>,
    /// The URL, root or storage URI of that; null when the name is not defined.
    pub endpoint: Option<String>,
    /// Its graph, else the default one.
    pub default_graph: Option<String>,
    /// How rows are printed.
    pub output_format: Option<OutputFormat>,
}

/// Lists the profiles, by name. Invalid ones are listed as such.
pub fn list_profiles(config: &OperatorConfig, env: &dyn Env) -> Vec<ProfileEntry> {
    let active = set(env, PROFILE_VARIABLE);
    let entry = |(name, profile): (&String, _)| {
        let bound = binding(profile);
        let error = bound.as_ref().err().map(ToString::to_string);
        let binding = match (&bound, &error) {
            (Ok(bound), _) => format!("{}: {}", bound.kind(), bound.target()),
            (Err(_), error) => format!("invalid: {}", error.as_deref().unwrap_or_default()),
        };
        ProfileEntry {
            name: name.clone(),
            binding,
            scope_kind: bound.as_ref().map_or("invalid", |bound| bound.kind()),
            target: bound.as_ref().ok().map(|bound| bound.target().to_owned()),
            valid: bound.is_ok(),
            error,
            default_graph: profile.default_graph.clone(),
            active: active.as_ref() == Some(name),
        }
    };
    config.profiles.iter().map(entry).collect()
}

/// Shows the profile with a name, else the one that the environment selects, else the defaults.
///
/// # Errors
/// When there is no such profile, or it does not bind one thing.
pub fn show_profile(
    config: &OperatorConfig,
    env: &dyn Env,
    name: Option<&str>,
) -> Result<ProfileShow, ScopeError> {
    let defaults = &config.defaults;
    let selected = name.map(str::to_owned).or_else(|| set(env, PROFILE_VARIABLE));
    let (name, bound, graph) = match selected {
        Some(name) => {
            let (profile, bound) = profile(config, &name)?;
            (name, Some(bound), profile.default_graph.clone())
        }
        None => {
            let server = defaults.server.as_deref().map(Binding::Server);
            let bound = server.or_else(|| defaults.store.as_deref().map(Binding::Store));
            (DEFAULTS.to_owned(), bound, None)
        }
    };
    Ok(ProfileShow {
        name,
        scope_kind: bound.map_or("none", Binding::kind),
        target: bound.map(|bound| bound.target().to_owned()),
        endpoint: bound.and_then(|bound| endpoint(config, bound)),
        default_graph: graph.or_else(|| defaults.default_graph.clone()),
        output_format: defaults.output,
    })
}

fn endpoint(config: &OperatorConfig, bound: Binding<'_>) -> Option<String> {
    match bound {
        Binding::Server(url) if url.contains("://") => Some(url.to_owned()),
        Binding::Server(name) => config.servers.get(name)?.url.clone(),
        Binding::Cluster(cluster) => match config.clusters.get(cluster) {
            Some(entry) => entry.root.clone(),
            // A name that is not defined is told from a root only by having no separator.
            None => cluster.contains(['/', '\\', '.']).then(|| cluster.to_owned()),
        },
        Binding::Store(uri) => Some(uri.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const TEXT: &str = "
defaults: { server: prod, default_graph: kb, output: json }
servers: { prod: { url: 'https://h' } }
clusters: { brain: { root: 's3://b/brain' } }
profiles:
  admin: { cluster: brain, default_graph: g }
  both: { server: prod, store: /x }
  lab: { store: /x }
  lost: { server: gone }
  none: {}
";

    fn config(text: &str) -> OperatorConfig {
        OperatorConfig::parse(Path::new("c"), text).unwrap().config
    }

    fn unset(_: &str) -> Option<String> {
        None
    }

    fn show(name: Option<&str>) -> Result<String, String> {
        show_profile(&config(TEXT), &unset, name)
            .map(|show| serde_json::to_string(&show).unwrap())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_list_has_all_profiles_also_invalid_ones() {
        let env = |name: &str| (name == "OMNIGRAPH_PROFILE").then(|| "lab".to_owned());
        let list = list_profiles(&config(TEXT), &env);
        let names: Vec<_> =
            list.iter().map(|entry| (entry.name.as_str(), entry.scope_kind, entry.active)).collect();
        assert_eq!(
            names,
            [
                ("admin", "cluster", false),
                ("both", "invalid", false),
                ("lab", "store", true),
                ("lost", "server", false),
                ("none", "invalid", false)
            ]
        );
        assert_eq!(
            serde_json::to_string(&list[0]).unwrap(),
            r#"{"name":"admin","binding":"cluster: brain","scope_kind":"cluster","target":"brain","valid":true,"error":null,"default_graph":"g","active":false}"#
        );
        assert_eq!(list[1].binding, "invalid: binds 2 scopes (server, store): it must bind exactly one");
        assert_eq!((list[1].valid, &list[1].target), (false, &None));
        assert!(list[4].error.as_deref().is_some_and(|error| error.starts_with("binds no scope")));
    }

    #[test]
    fn a_profile_is_shown_with_what_it_comes_to() {
        assert_eq!(
            show(Some("admin")).unwrap(),
            r#"{"name":"admin","scope_kind":"cluster","target":"brain","endpoint":"s3://b/brain","default_graph":"g","output_format":"json"}"#
        );
        assert_eq!(
            show(Some("lost")).unwrap(),
            r#"{"name":"lost","scope_kind":"server","target":"gone","endpoint":null,"default_graph":"kb","output_format":"json"}"#
        );
        assert_eq!(
            show(None).unwrap(),
            r#"{"name":"(defaults)","scope_kind":"server","target":"prod","endpoint":"https://h","default_graph":"kb","output_format":"json"}"#
        );
        let env = |_: &str| Some("lab".to_owned());
        assert_eq!(show_profile(&config(TEXT), &env, None).unwrap().endpoint.as_deref(), Some("/x"));
        let empty = show_profile(&config(""), &unset, None).unwrap();
        assert_eq!((empty.scope_kind, empty.target), ("none", None));
    }

    #[test]
    fn what_cannot_be_used_cannot_be_shown() {
        assert!(show(Some("both")).unwrap_err().starts_with("profile 'both' binds 2 scopes"));
        assert!(show(Some("x")).unwrap_err().starts_with("unknown profile 'x'; defined: admin, both"));
    }
}
