//! `omnigraph profile list` and `profile show`.

use omnigraph_client::operator::{OperatorConfig, ProcessEnv, ProfileEntry, list_profiles, show_profile};

use crate::args::Global;
use crate::args::local::{Profile, ProfileShow};
use crate::failure::Failure;
use crate::operator;
use crate::output;

/// Lists the profiles, or shows the address that one resolves to.
pub(crate) fn run(args: &Profile, global: &Global) -> Result<(), Failure> {
    let config = &operator::load()?.config;
    match args {
        Profile::List => list(global, config),
        Profile::Show(args) => show(args, global, config),
    }
}

fn list(global: &Global, config: &OperatorConfig) -> Result<(), Failure> {
    let profiles = list_profiles(config, &ProcessEnv);
    if global.json {
        return output::json(&profiles);
    }
    if profiles.is_empty() {
        return output::line("no profiles defined in the operator config");
    }
    profiles.iter().try_for_each(|profile| output::line(&entry(profile)))
}

fn entry(profile: &ProfileEntry) -> String {
    let active = if profile.active { " (active)" } else { "" };
    let graph = profile.default_graph.as_ref().map(|id| format!(" · graph: {id}")).unwrap_or_default();
    format!("{}{active}  {}{graph}", profile.name, profile.binding)
}

fn show(args: &ProfileShow, global: &Global, config: &OperatorConfig) -> Result<(), Failure> {
    let profile = show_profile(config, &ProcessEnv, args.name.as_deref())?;
    if global.json {
        return output::json(&profile);
    }
    let mut lines = vec![format!("profile: {}", profile.name)];
    match &profile.target {
        None => lines.push(format!("  scope:   {}", profile.scope_kind)),
        Some(target) => {
            lines.push(format!("  scope:   {} {target}", profile.scope_kind));
            lines.push(match &profile.endpoint {
                Some(endpoint) => format!("  endpoint: {endpoint}"),
                None => format!("  endpoint: {} '{target}' is not defined", profile.scope_kind),
            });
        }
    }
    lines.extend(profile.default_graph.iter().map(|id| format!("  default graph: {id}")));
    lines.extend(profile.output_format.iter().map(|format| format!("  output: {}", format.as_str())));
    output::line(&lines.join("\n"))
}
