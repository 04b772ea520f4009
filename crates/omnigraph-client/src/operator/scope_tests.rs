//! Which scope each combination of flags, profile and defaults resolves to.

use std::path::Path;

use super::*;

const CONFIG: &str = "
servers: { prod: { url: 'https://h/' }, lab: { url: 'http://lab:8080' }, none: {}, odd: { url: 's3://u:pw@b' } }
clusters: { brain: { root: 's3://b/brain' }, empty: {} }
profiles:
  admin: { cluster: brain, default_graph: g }
  bare: { server: lab }
  both: { server: prod, store: /x, cluster: brain }
  graphed: { store: /x, default_graph: g }
  none: {}
  store: { store: /x }
  team: { server: prod, default_graph: kb }
  web: { store: 'https://h' }
";

/// A command line: capability, then flags as words.
struct Line {
    config: OperatorConfig,
    profile: Option<&'static str>,
}

impl Line {
    /// The configuration above, with defaults.
    fn new(defaults: &str) -> Line {
        let text = format!("{CONFIG}defaults: {{ {defaults} }}\n");
        Line { config: OperatorConfig::parse(Path::new("c"), &text).unwrap().config, profile: None }
    }

    fn profile(mut self, name: &'static str) -> Line {
        self.profile = Some(name);
        self
    }

    /// Resolves flags given as `store=/x graph=g`.
    fn run(&self, capability: Capability, flags: &str) -> Result<Scope, String> {
        let mut given = AddressFlags::default();
        for word in flags.split_whitespace() {
            let (flag, value) = word.split_once('=').unwrap();
            let slot = match flag {
                "uri" => &mut given.uri,
                "store" => &mut given.store,
                "server" => &mut given.server,
                "cluster" => &mut given.cluster,
                "graph" => &mut given.graph,
                "profile" => &mut given.profile,
                other => panic!("{other}"),
            };
            *slot = Some(value);
        }
        let env = |name: &str| self.profile.filter(|_| name == "OMNIGRAPH_PROFILE").map(str::to_owned);
        resolve(capability, &given, &self.config, &env).map_err(|error| error.to_string())
    }

    /// Checks that a command line is refused with all of some fragments.
    #[track_caller]
    fn refuses(&self, capability: Capability, flags: &str, fragments: &[&str]) {
        let error = self.run(capability, flags).unwrap_err();
        for fragment in fragments {
            assert!(error.contains(fragment), "{error:?} lacks {fragment:?}");
        }
    }
}

fn store(uri: &str) -> Result<Scope, String> {
    Ok(Scope::Store { uri: uri.to_owned() })
}

fn server(base: &str, graph: Option<&str>, name: Option<&str>) -> Result<Scope, String> {
    Ok(Scope::Server {
        base: base.to_owned(),
        graph: graph.map(str::to_owned),
        name: name.map(str::to_owned),
    })
}

fn cluster(root: &str, graph: Option<&str>, name: Option<&str>) -> Result<Scope, String> {
    Ok(Scope::Cluster {
        root: root.to_owned(),
        graph: graph.map(str::to_owned),
        name: name.map(str::to_owned),
    })
}

use Capability::{Control, Data, Direct, GraphList};

#[test]
fn an_explicit_address_decides_whatever_else_is_there() {
    for line in [
        Line::new(""),
        Line::new("server: lab, default_graph: d"),
        Line::new("store: /d"),
        Line::new("").profile("both"),
        Line::new("").profile("unknown"),
    ] {
        assert_eq!(line.run(Data, "uri=s3://b/g"), store("s3://b/g"));
        assert_eq!(line.run(Direct, "store=/s profile=unknown"), store("/s"));
        assert_eq!(line.run(Data, "server=prod"), server("https://h", None, Some("prod")));
        assert_eq!(line.run(Data, "server=prod graph=g"), server("https://h", Some("g"), Some("prod")));
        assert_eq!(line.run(Data, "server=http://x/a/"), server("http://x/a", None, None));
        assert_eq!(
            line.run(Direct, "cluster=brain graph=g"),
            cluster("s3://b/brain", Some("g"), Some("brain"))
        );
        assert_eq!(line.run(Control, "cluster=./dir"), cluster("./dir", None, None));
    }
}

#[test]
fn explicit_addresses_exclude_each_other() {
    let line = Line::new("");
    for (flags, first, second) in [
        ("uri=/a store=/b", "the graph URI", "--store"),
        ("store=/a server=prod", "--store", "--server"),
        ("uri=/a server=prod", "the graph URI", "--server"),
        ("cluster=c server=prod", "--server", "--cluster"),
        ("cluster=c store=/a", "--store", "--cluster"),
        ("cluster=c uri=/a", "the graph URI", "--cluster"),
    ] {
        line.refuses(Data, flags, &["mutually exclusive", first, second]);
    }
}

#[test]
fn profiles_come_before_defaults() {
    let line = Line::new("server: lab, default_graph: d").profile("team");
    assert_eq!(line.run(Data, ""), server("https://h", Some("kb"), Some("prod")));
    assert_eq!(line.run(Data, "graph=g"), server("https://h", Some("g"), Some("prod")));
    assert_eq!(line.run(Data, "profile=store"), store("/x"));
    assert_eq!(line.run(Direct, "profile=admin"), cluster("s3://b/brain", Some("g"), Some("brain")));
    assert_eq!(line.run(Data, "profile=bare"), server("http://lab:8080", Some("d"), Some("lab")));
    // An empty variable is unset.
    let line = Line::new("server: lab, default_graph: d").profile("");
    assert_eq!(line.run(Data, ""), server("http://lab:8080", Some("d"), Some("lab")));
    assert_eq!(line.run(Data, "graph=g"), server("http://lab:8080", Some("g"), Some("lab")));
    assert_eq!(Line::new("store: /d").run(Direct, ""), store("/d"));
}

#[test]
fn nothing_addressed_names_the_ways() {
    let line = Line::new("");
    let ways = ["no graph addressed", "URI", "--store", "--server", "--profile", "default scope"];
    line.refuses(Data, "", &ways);
    line.refuses(Direct, "graph=g", &ways);
    line.refuses(GraphList, "", &["`graphs list` needs a server scope"]);
    line.refuses(Control, "", &["needs a cluster", "pass --cluster <dir|uri>"]);
}

#[test]
fn profiles_are_checked_when_they_are_used() {
    let line = Line::new("");
    line.refuses(Data, "profile=x", &["unknown profile 'x'", "admin, bare"]);
    line.refuses(Data, "profile=none", &["profile 'none' binds no scope"]);
    line.refuses(Data, "profile=both", &["profile 'both' binds 3 scopes (server, cluster, store)"]);
    line.refuses(Data, "profile=graphed", &["profile 'graphed'", "default_graph", "already a single graph"]);
    Line::new("").profile("both").refuses(Data, "", &["profile 'both'"]);
}

#[test]
fn data_commands_refuse_clusters() {
    let texts = ["profile 'admin' resolves a cluster scope", "not valid for graph data commands"];
    Line::new("").refuses(Data, "profile=admin", &texts);
    Line::new("").refuses(Data, "cluster=brain", &["not valid for graph data commands"]);
}

#[test]
fn the_list_of_graphs_is_a_servers() {
    let line = Line::new("");
    assert_eq!(line.run(GraphList, "profile=team"), server("https://h", None, Some("prod")));
    assert_eq!(line.run(GraphList, "server=prod graph=g"), server("https://h", None, Some("prod")));
    let with_default = Line::new("server: prod, default_graph: d");
    assert_eq!(with_default.run(GraphList, ""), server("https://h", None, Some("prod")));
    let texts = ["profile 'admin' resolves a cluster scope", "requires a server", "cluster status"];
    line.refuses(GraphList, "profile=admin", &texts);
    line.refuses(
        GraphList,
        "profile=store",
        &["profile 'store' resolves a store scope", "requires a server"],
    );
    Line::new("store: /d").refuses(
        GraphList,
        "",
        &["operator defaults ", "store scope", "requires a server"],
    );
}

#[test]
fn direct_commands_need_storage() {
    let line = Line::new("");
    line.refuses(
        Direct,
        "profile=team",
        &["profile 'team' resolves a server scope", "direct storage", "--store"],
    );
    line.refuses(Direct, "server=prod", &["direct storage", "--store"]);
    Line::new("server: prod").refuses(Direct, "", &["operator defaults ", "direct storage", "--store"]);
}

#[test]
fn control_commands_take_clusters_and_no_default_graph() {
    let line = Line::new("server: prod, default_graph: d");
    assert_eq!(line.run(Control, "profile=admin"), cluster("s3://b/brain", None, Some("brain")));
    assert_eq!(line.run(Control, "profile=admin graph=x"), cluster("s3://b/brain", Some("x"), Some("brain")));
    line.refuses(Control, "", &["needs a cluster"]);
    for (profile, kind) in [("team", "server"), ("store", "store")] {
        let flags = format!("profile={profile}");
        line.refuses(Control, &flags, &["needs a cluster", "pass --cluster <dir|uri>", profile, kind]);
    }
}

#[test]
fn the_url_of_a_server_is_no_storage() {
    let line = Line::new("");
    for flags in ["uri=http://h/g", "store=https://h", "store=HTTPS://h", "profile=web"] {
        line.refuses(Data, flags, &["must be addressed with `--server <url>`"]);
        line.refuses(Direct, flags, &["remote server"]);
    }
}

#[test]
fn passwords_are_not_told() {
    let line = Line::new("");
    for capability in [Data, Direct] {
        let error = line.run(capability, "store=http://u:p@ss@h:1/x@y").unwrap_err();
        assert!(error.contains("http://h:1/x@y") && !error.contains("ss@"), "{error}");
    }
}

#[test]
fn a_store_is_a_single_graph() {
    let line = Line::new("store: /d");
    for flags in ["uri=/a graph=g", "store=/a graph=g", "profile=store graph=g", "graph=g"] {
        for capability in [Data, Direct] {
            line.refuses(capability, flags, &["--graph", "already a single graph"]);
        }
    }
}

#[test]
fn servers_are_known_and_http() {
    let line = Line::new("");
    line.refuses(Data, "server=x", &["unknown server 'x'", "lab, none, odd, prod"]);
    line.refuses(Data, "server=none", &["server 'none' has no `url`"]);
    line.refuses(Data, "server=odd", &["server 'odd'", "http:// or https://"]);
    line.refuses(Data, "server=ftp://u:pw@h", &["--server", "http:// or https://"]);
    assert!(!line.run(Data, "server=ftp://u:pw@h").unwrap_err().contains("pw"));
    line.refuses(Direct, "cluster=empty", &["cluster 'empty' has no `root`"]);
    let none = OperatorConfig::default();
    let error = server_base(&none, "x").unwrap_err().to_string();
    assert_eq!(error, "unknown server 'x'; none is defined");
}

#[test]
fn paths_and_file_uris_are_local() {
    for (uri, expected) in [("./g", true), ("file:///g", true), ("s3://b/g", false), ("http://h", false)] {
        assert_eq!(is_local(uri), expected, "{uri}");
    }
}
