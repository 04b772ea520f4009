//! The table of settings that may be a flag, an environment variable or a key of the config file. A flag wins over its variable, a
//! variable over its key.

use std::time::Duration;

use omnigraph_api::duration;

use super::SettingsError;
use super::file::{ServerBlock, Sourced};
use crate::args::Args;
use crate::env::Env;

/// Longest duration of a setting, about a century: clocks can count it from any moment.
const LONGEST_DURATION: Duration = Duration::from_secs(36_500 * 86_400);

/// Everything that can say something.
#[derive(Clone, Copy)]
pub(super) struct Sources<'a> {
    pub(super) args: &'a Args,
    pub(super) env: &'a Env<'a>,
    pub(super) server: &'a ServerBlock,
}

/// A setting that is one text: its names, and where command line and config file keep it.
pub(super) struct Text {
    flag: &'static str,
    variable: &'static str,
    given: fn(&Args) -> Option<&String>,
    key: fn(&ServerBlock) -> Option<&Sourced<String>>,
}

/// A setting that is a list: a repeated flag, a variable separated by commas, or a key.
pub(super) struct List {
    flag: &'static str,
    variable: &'static str,
    given: fn(&Args) -> &[String],
    key: fn(&ServerBlock) -> Option<&Sourced<Vec<String>>>,
}

/// Writes the table of settings: constant, flag, variable, and the field that both [`Args`] and [`ServerBlock`] have.
macro_rules! settings {
    (
        texts { $($text:ident = $text_flag:literal, $text_variable:literal, $text_field:ident;)* }
        lists { $($list:ident = $list_flag:literal, $list_variable:literal, $list_field:ident;)* }
    ) => {
        $(pub(super) const $text: Text = Text {
            flag: $text_flag,
            variable: $text_variable,
            given: |args| args.$text_field.as_ref(),
            key: |server| server.$text_field.as_ref(),
        };)*
        $(pub(super) const $list: List = List {
            flag: $list_flag,
            variable: $list_variable,
            given: |args| args.$list_field.as_slice(),
            key: |server| server.$list_field.as_ref(),
        };)*
        #[cfg(test)]
        const NAMES: &[(&str, &str)] =
            &[$(($text_flag, $text_variable),)* $(($list_flag, $list_variable),)*];
    };
}

settings! {
    texts {
        REQUEST_TIMEOUT = "--request-timeout", "OMNIGRAPH_SERVER_REQUEST_TIMEOUT", request_timeout;
        CLIENT_TIMEOUT = "--client-timeout", "OMNIGRAPH_SERVER_CLIENT_TIMEOUT", client_timeout;
        MEMORY = "--memory", "OMNIGRAPH_SERVER_MEMORY", memory;
        JWT_JWKS = "--jwt-jwks", "OMNIGRAPH_SERVER_JWT_JWKS", jwt_jwks;
        JWT_ISSUER = "--jwt-issuer", "OMNIGRAPH_SERVER_JWT_ISSUER", jwt_issuer;
        JWT_ACTOR_CLAIM = "--jwt-actor-claim", "OMNIGRAPH_SERVER_JWT_ACTOR_CLAIM", jwt_actor_claim;
        JWT_LEEWAY = "--jwt-leeway", "OMNIGRAPH_SERVER_JWT_LEEWAY", jwt_leeway;
    }
    lists {
        CORS_ORIGINS = "--cors-origin", "OMNIGRAPH_SERVER_CORS_ORIGINS", cors_origins;
        JWT_AUDIENCES = "--jwt-audience", "OMNIGRAPH_SERVER_JWT_AUDIENCE", jwt_audiences;
        JWT_ALGORITHMS = "--jwt-algorithm", "OMNIGRAPH_SERVER_JWT_ALGORITHMS", jwt_algorithms;
    }
}

/// The command line reads this one itself.
pub(super) const LOG_FORMAT: Text = Text {
    flag: "--log-format",
    variable: "OMNIGRAPH_SERVER_LOG_FORMAT",
    given: |_| None,
    key: |server| server.log_format.as_ref(),
};

impl Text {
    /// Returns the value that wins, and where it came from.
    pub(super) fn of(&self, sources: &Sources<'_>) -> Result<Option<Sourced<String>>, SettingsError> {
        if let Some(value) = (self.given)(sources.args) {
            return Ok(Some(Sourced { value: value.clone(), origin: self.flag.to_owned() }));
        }
        if let Some(value) = sources.env.get(self.variable)? {
            return Ok(Some(Sourced { value, origin: self.variable.to_owned() }));
        }
        Ok((self.key)(sources.server).cloned())
    }

    /// Returns the value that wins as it was written.
    pub(super) fn value(&self, sources: &Sources<'_>) -> Result<Option<String>, SettingsError> {
        Ok(self.of(sources)?.map(|text| text.value))
    }

    /// Returns the value that wins as a duration.
    pub(super) fn duration(&self, sources: &Sources<'_>) -> Result<Option<Sourced<Duration>>, SettingsError> {
        let Some(text) = self.of(sources)? else { return Ok(None) };
        Ok(Some(Sourced { value: bounded_duration(&text)?, origin: text.origin }))
    }
}

impl List {
    /// Returns the list that wins, and where it came from.
    pub(super) fn of(&self, sources: &Sources<'_>) -> Result<Option<Sourced<Vec<String>>>, SettingsError> {
        let given = (self.given)(sources.args);
        if !given.is_empty() {
            return Ok(Some(Sourced { value: given.to_vec(), origin: self.flag.to_owned() }));
        }
        if let Some(text) = sources.env.get(self.variable)? {
            let value =
                text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect();
            return Ok(Some(Sourced { value, origin: self.variable.to_owned() }));
        }
        Ok((self.key)(sources.server).cloned())
    }

    /// Returns the items of the list that wins; none without one.
    pub(super) fn values(&self, sources: &Sources<'_>) -> Result<Vec<String>, SettingsError> {
        Ok(self.of(sources)?.map_or_else(Vec::new, |list| list.value))
    }
}

/// Reads a duration of at most [`LONGEST_DURATION`]. Blanks around it do not count.
fn bounded_duration(text: &Sourced<String>) -> Result<Duration, SettingsError> {
    let refuse = |problem| SettingsError::Value { origin: text.origin.clone(), problem };
    let time = duration::parse(text.value.trim()).map_err(|error| refuse(error.to_string()))?;
    if time > LONGEST_DURATION {
        let longest = duration::format(LONGEST_DURATION);
        return Err(refuse(format!("'{}' is too long; the most is {longest}", text.value)));
    }
    Ok(time)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::fixtures::env_of;

    fn sourced<T>(value: T) -> Sourced<T> {
        Sourced { value, origin: "the key".into() }
    }

    #[test]
    fn a_flag_wins_over_a_variable_and_a_variable_over_a_key() {
        let names = [("OMNIGRAPH_SERVER_JWT_ISSUER", "variable"), ("OMNIGRAPH_SERVER_JWT_AUDIENCE", "v, w,")];
        let (with, without) = (env_of(&names), env_of(&[]));
        let (with, without) = (Env::new(&with), Env::new(&without));
        let server = ServerBlock {
            jwt_issuer: Some(sourced("key".to_owned())),
            jwt_audiences: Some(sourced(vec!["key".to_owned()])),
            ..ServerBlock::default()
        };
        let flags =
            Args { jwt_issuer: Some("flag".into()), jwt_audiences: vec!["flag".into()], ..Args::default() };
        let none = Args::default();
        for (args, env, text, list, origins) in [
            (&flags, &with, "flag", vec!["flag"], ("--jwt-issuer", "--jwt-audience")),
            (&none, &with, "variable", vec!["v", "w"], (names[0].0, names[1].0)),
            (&none, &without, "key", vec!["key"], ("the key", "the key")),
        ] {
            let sources = Sources { args, env, server: &server };
            let issuer = JWT_ISSUER.of(&sources).unwrap().unwrap();
            assert_eq!((issuer.value.as_str(), issuer.origin.as_str()), (text, origins.0));
            let audiences = JWT_AUDIENCES.of(&sources).unwrap().unwrap();
            assert_eq!(
                (audiences.value, audiences.origin.as_str()),
                (list.into_iter().map(str::to_owned).collect(), origins.1)
            );
        }
        let sources = Sources { args: &none, env: &without, server: &ServerBlock::default() };
        assert_eq!(JWT_ISSUER.of(&sources).unwrap(), None);
        assert_eq!(JWT_AUDIENCES.values(&sources).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn every_setting_is_a_flag_whose_help_names_its_variable() {
        let command = Args::command();
        for (flag, variable) in NAMES.iter().copied().chain([(LOG_FORMAT.flag, LOG_FORMAT.variable)]) {
            let name = flag.trim_start_matches('-');
            let argument = command.get_arguments().find(|argument| argument.get_long() == Some(name));
            let help = argument.and_then(|argument| argument.get_help()).map(ToString::to_string);
            let help = help.unwrap_or_else(|| panic!("{flag} is no flag"));
            assert!(help.contains(&format!("[env: {variable}")), "{flag}: {help}");
        }
    }

    #[test]
    fn durations_are_those_of_every_front_end_up_to_a_century() {
        let sourced = |text: &str| sourced(text.to_owned());
        for (text, millis) in
            [("500ms", 500), ("30s", 30_000), (" 2m ", 120_000), ("1h", 3_600_000), ("30", 30_000), ("0s", 0)]
        {
            assert_eq!(bounded_duration(&sourced(text)).unwrap(), Duration::from_millis(millis), "{text}");
        }
        for text in ["s", "-1s", "1.5s", "36501d", "99999999999s", "1 s", ""] {
            let message = bounded_duration(&sourced(text)).unwrap_err().to_string();
            assert!(message.starts_with("the key: "), "{message}");
        }
    }
}
