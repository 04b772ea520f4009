//! `omnigraph alias`.

use omnigraph_api::{InvokeStoredQueryRequest, InvokeStoredQueryResponse, RawJson};
use omnigraph_client::http::{AddressError, ClientError, GraphClient, ServerClient, graph_base};
use omnigraph_client::operator::{self as client, server_base};
use serde_json::{Map, Value};

use super::query_input;
use crate::args::Global;
use crate::args::alias::Alias;
use crate::failure::Failure;
use crate::format;
use crate::operator::{self, Operator};

/// Runs the stored query that an alias binds, and prints what it reads.
pub(crate) async fn run(args: &Alias, global: &Global) -> Result<(), Failure> {
    refuse_scope(global)?;
    let operator = operator::load()?;
    let name = &args.name;
    let alias = operator.config.aliases.get(name).ok_or_else(|| unknown(name, operator))?;
    let given = query_input::params_of(args.params.as_deref(), args.params_file.as_deref())?;
    let params = params(alias, name, &args.args, given)?;
    let request = InvokeStoredQueryRequest {
        params: (!params.is_empty()).then(|| RawJson::of(&params)).transpose().map_err(|error| {
            Failure::Usage { message: format!("the parameters cannot be sent: {error}"), hint: None }
        })?,
        expect_mutation: Some(false),
        ..InvokeStoredQueryRequest::default()
    };
    match connect(name, alias, operator).await?.invoke(&alias.query, &request, None).await? {
        InvokeStoredQueryResponse::Read(read) => format::print(&read, global, args.format, alias.format),
        InvokeStoredQueryResponse::Change(change) => Err(Failure::usage(
            format!("the server has run '{}' as a mutation", change.query_name),
            "aliases are for reads; the server does not check what is expected of a query",
        )),
    }
}

/// Refuses addressing flags, as the alias declares its server and graph.
fn refuse_scope(global: &Global) -> Result<(), Failure> {
    let given = [
        ("--server", global.server.is_some()),
        ("--graph", global.graph.is_some()),
        ("--store", global.store.is_some()),
        ("--cluster", global.cluster.is_some()),
        ("--profile", global.profile.is_some()),
        ("--as", global.actor.is_some()),
    ];
    let given: Vec<&str> = given.into_iter().filter(|(_, given)| *given).map(|(flag, _)| flag).collect();
    if given.is_empty() {
        return Ok(());
    }
    Err(Failure::Usage {
        message: format!(
            "`alias` uses the server, graph, and stored query declared under `aliases.<name>` of the operator \
             config; {} cannot be given with it",
            given.join(", ")
        ),
        hint: None,
    })
}

fn unknown(name: &str, operator: &Operator) -> Failure {
    let known: Vec<&str> = operator.config.aliases.keys().map(String::as_str).collect();
    let known = match known.is_empty() {
        true => "; none is defined".to_owned(),
        false => format!("; defined: {}", known.join(", ")),
    };
    Failure::usage(
        format!("unknown alias '{name}'{known}"),
        "define it under `aliases` of the operator config, with `server` and `query`",
    )
}

async fn connect(name: &str, alias: &client::Alias, operator: &Operator) -> Result<GraphClient, Failure> {
    let (base, _) = server_base(&operator.config, &alias.server)?;
    match &alias.graph {
        Some(id) => {
            let base = graph_base(&base, id).map_err(ClientError::from)?;
            Ok(GraphClient::new(&base, operator.token(&base)?)?)
        }
        None => match ServerClient::new(&base, operator.token(&base)?)?.select(None).await {
            Err(ClientError::Address(AddressError::GraphNotChosen { ids })) => Err(Failure::usage(
                format!("alias '{name}' names no graph, and the server has {}", ids.join(", ")),
                format!("set `aliases.{name}.graph` in the operator config"),
            )),
            selected => Ok(selected?),
        },
    }
}

/// Returns the parameters of a call. A value of the flags wins over a positional one, and that over a fixed one.
fn params(
    alias: &client::Alias,
    name: &str,
    positional: &[String],
    given: Map<String, Value>,
) -> Result<Map<String, Value>, Failure> {
    let names = &alias.args;
    if positional.len() > names.len() {
        let list = if names.is_empty() { String::new() } else { format!(": {}", names.join(", ")) };
        return Err(Failure::Usage {
            message: format!(
                "alias '{name}' takes {} positional arg(s){list}; {} given",
                names.len(),
                positional.len()
            ),
            hint: Some("pass other parameters with --params".to_owned()),
        });
    }
    let mut params = alias.params.clone();
    for (name, text) in names.iter().zip(positional) {
        let value = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone()));
        params.insert(name.clone(), value);
    }
    params.extend(given);
    Ok(params)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bound(positional: &[&str], given: Value) -> Result<Value, String> {
        let alias = client::Alias {
            args: vec!["a".to_owned(), "b".to_owned()],
            params: json!({"b": "fixed", "c": "fixed"}).as_object().unwrap().clone(),
            ..client::Alias::default()
        };
        let positional: Vec<String> = positional.iter().map(|text| (*text).to_owned()).collect();
        params(&alias, "who", &positional, given.as_object().unwrap().clone())
            .map(Value::Object)
            .map_err(|failure| failure.to_string())
    }

    #[test]
    fn flags_win_over_positional_values_and_those_over_fixed_ones() {
        assert_eq!(bound(&[], json!({})), Ok(json!({"b": "fixed", "c": "fixed"})));
        assert_eq!(bound(&["5"], json!({})), Ok(json!({"a": 5, "b": "fixed", "c": "fixed"})));
        let all = bound(&["abc", "\"5\""], json!({"c": null, "d": [1]}));
        assert_eq!(all, Ok(json!({"a": "abc", "b": "5", "c": null, "d": [1]})));
        assert_eq!(bound(&["x", "{y"], json!({"a": 1})), Ok(json!({"a": 1, "b": "{y", "c": "fixed"})));
    }

    #[test]
    fn more_positional_values_than_names_are_refused() {
        let error = bound(&["1", "2", "3"], json!({})).unwrap_err();
        assert_eq!(error, "alias 'who' takes 2 positional arg(s): a, b; 3 given");
    }
}
