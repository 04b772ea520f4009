//! Every route × actor × policy: who is allowed gets in, who is denied leaves no trace.
//!
//! What the policy should decide is computed here from rules as data, by an evaluator that shares nothing with the policy
//! crate. Each operation must be allowed, be denied, and succeed at least once.

use std::collections::BTreeSet;

use omnigraph::Omnigraph;
use omnigraph_api::Operation;
use serde_json::json;

use crate::fixtures::{Ask, Reply, Served, Setup};

const ACTORS: [&str; 7] = ["reader", "editor", "owner", "exporter", "invoker", "scoped", "nobody"];

/// A rule: group members, actions, and a scope with the name of its key.
type Rule = (&'static [&'static str], &'static [&'static str], Option<(&'static str, &'static str)>);

struct Bundle {
    protected: &'static [&'static str],
    rules: &'static [Rule],
}

/// What the spec's example grants, everything, nothing, and reads of one kind of branch.
const BUNDLES: [Bundle; 4] = [
    Bundle {
        protected: &["main", "release"],
        rules: &[
            (&["reader", "editor", "invoker"], &["read", "invoke_query"], None),
            (&["editor", "invoker"], &["change"], Some(("branch_scope", "unprotected"))),
            (&["editor"], &["branch_create", "branch_delete"], Some(("target_branch_scope", "unprotected"))),
            (&["owner"], &["branch_merge", "schema_apply"], Some(("target_branch_scope", "protected"))),
            (&["owner"], &["read", "export", "change"], Some(("branch_scope", "any"))),
            (&["exporter"], &["export"], None),
            (&["scoped"], &["read"], Some(("branch_scope", "protected"))),
        ],
    },
    Bundle {
        protected: &[],
        rules: &[(
            &["reader", "editor", "owner", "exporter", "invoker", "scoped"],
            &[
                "read",
                "export",
                "change",
                "schema_apply",
                "branch_create",
                "branch_delete",
                "branch_merge",
                "invoke_query",
            ],
            None,
        )],
    },
    Bundle { protected: &[], rules: &[] },
    Bundle {
        protected: &["draft"],
        rules: &[
            (&["reader", "scoped"], &["read"], Some(("branch_scope", "unprotected"))),
            (&["editor"], &["change"], Some(("branch_scope", "protected"))),
            (
                &["owner"],
                &["branch_create", "branch_merge", "branch_delete"],
                Some(("target_branch_scope", "protected")),
            ),
            (&["invoker"], &["invoke_query"], None),
        ],
    },
];

impl Bundle {
    fn text(&self) -> String {
        let mut groups = String::new();
        let mut rules = String::new();
        for (n, (members, actions, scope)) in self.rules.iter().enumerate() {
            groups += &format!("  g{n}: [{}]\n", members.join(", "));
            let scope = scope.map(|(key, value)| format!(", {key}: {value}")).unwrap_or_default();
            let actions = actions.join(", ");
            rules += &format!(
                "  - id: r{n}\n    allow: {{ actors: {{ group: g{n} }}, actions: [{actions}]{scope} }}\n"
            );
        }
        let protected = self.protected.join(", ");
        match self.rules {
            [] => "version: 1\n".to_owned(),
            _ => format!("version: 1\nprotected_branches: [{protected}]\ngroups:\n{groups}rules:\n{rules}"),
        }
    }

    fn allows(&self, actor: &str, (action, branch, target): Question) -> bool {
        self.rules.iter().any(|(members, actions, scope)| {
            let of = |name: Option<&str>, kind: &str| match (kind, name) {
                ("any", _) => true,
                ("protected", name) => name.is_some_and(|name| self.protected.contains(&name)),
                (_, name) => name.is_some_and(|name| !self.protected.contains(&name)),
            };
            members.contains(&actor)
                && actions.contains(&action)
                && match scope {
                    None => true,
                    Some(("branch_scope", kind)) => of(branch, kind),
                    Some((_, kind)) => of(target, kind),
                }
        })
    }
}

/// Action, branch, target.
type Question = (&'static str, Option<&'static str>, Option<&'static str>);

/// How a denial looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Denial {
    Forbidden,
    /// As if it were not there.
    Hidden,
}

/// One request of the matrix.
struct Case {
    operation: Operation,
    ask: Ask,
    questions: Vec<(Question, Denial)>,
}

const ADD: &str = "query a($n: String) { insert City { name: $n } }";
const COUNT: &str = "query n() { match { $c: City } return { count($c) as n } }";
const LINE: &str = r#"{"type":"City","data":{"name":"loaded"}}"#;

/// All requests, on the branches `main` and `draft`, with what each asks for.
fn cases(base: &str, head: &str, draft: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut case = |operation: Operation, ask: Ask, questions: &[Question]| {
        let questions = questions.iter().map(|question| (*question, Denial::Forbidden)).collect();
        cases.push(Case { operation, ask, questions });
    };
    let url = |path: &str| format!("{base}{path}");
    let graph = |action| (action, None, None);
    for (branch, commit) in [("main", head), ("draft", draft)] {
        let on = |action| (action, Some(branch), None);
        case(Operation::GetSnapshot, Ask::get(&url(&format!("/snapshot?branch={branch}"))), &[on("read")]);
        let blob = format!("/blob?entity=node&type=City&id=oslo&property=photo&branch=%20{branch}");
        case(Operation::GetBlob, Ask::get(&url(&blob)), &[on("read")]);
        case(Operation::HeadBlob, Ask::new("HEAD", &url(&blob)), &[on("read")]);
        case(
            Operation::Query,
            Ask::post(&url("/query"), json!({"query": COUNT, "branch": branch})),
            &[on("read")],
        );
        case(
            Operation::Query,
            Ask::post(&url("/query"), json!({"query": COUNT, "snapshot": commit})),
            &[on("read")],
        );
        case(
            Operation::Read,
            Ask::post(&url("/read"), json!({"query_source": COUNT, "branch": format!(" {branch} ")})),
            &[on("read")],
        );
        case(Operation::Export, Ask::post(&url("/export"), json!({"branch": branch})), &[on("export")]);
        case(Operation::ListCommits, Ask::get(&url(&format!("/commits?branch={branch}"))), &[on("read")]);
        case(Operation::PollChanges, Ask::get(&url(&format!("/changes?branch={branch}"))), &[on("read")]);
        case(
            Operation::CaptureChangeBaseline,
            Ask::post(&url("/changes/baseline"), json!({"branch": branch})),
            &[on("export")],
        );
        let change = json!({"query": ADD, "params": {"n": "added"}, "branch": format!(" {branch} ")});
        case(Operation::Mutate, Ask::post(&url("/mutate"), change.clone()), &[on("change")]);
        case(Operation::Change, Ask::post(&url("/change"), change.clone()), &[on("change")]);
        case(
            Operation::MutateIfGraphCommit,
            Ask::post(&url("/mutate/if-graph-commit"), change).with("Omnigraph-If-Graph-Commit", commit),
            &[on("change")],
        );
        case(
            Operation::Load,
            Ask::post(&url("/load"), json!({"data": LINE, "branch": branch})),
            &[on("change")],
        );
        case(
            Operation::Ingest,
            Ask::post(&url("/ingest"), json!({"data": LINE, "branch": branch})),
            &[on("change")],
        );
        let raw = Ask::new("POST", &url(&format!("/load/ndjson?branch={branch}")));
        let raw = raw.with("content-type", "application/x-ndjson").bytes(LINE);
        case(Operation::LoadNdjson, raw, &[on("change")]);
        let made: &'static str = "made";
        let create = ("branch_create", Some(branch), Some(made));
        case(
            Operation::Load,
            Ask::post(&url("/load"), json!({"data": LINE, "branch": made, "from": branch})),
            &[create, ("change", Some(made), None)],
        );
        case(
            Operation::CreateBranch,
            Ask::post(&url("/branches"), json!({"name": made, "from": branch})),
            &[create],
        );
    }
    case(Operation::ListQueries, Ask::get(&url("/queries")), &[("read", Some("main"), None)]);
    case(Operation::GetSchema, Ask::get(&url("/schema")), &[graph("read")]);
    case(Operation::ListBranches, Ask::get(&url("/branches")), &[graph("read")]);
    case(
        Operation::ApplySchema,
        Ask::post(
            &url("/schema/apply"),
            json!({"schema_source": crate::fixtures::SCHEMA.replace("km: I32?", "km: I32?  toll: I32?")}),
        ),
        &[("schema_apply", None, Some("main"))],
    );
    case(
        Operation::DeleteBranch,
        Ask::new("DELETE", &url("/branches/spare")),
        &[("branch_delete", None, Some("spare"))],
    );
    case(
        Operation::MergeBranches,
        Ask::post(&url("/branches/merge"), json!({"source": "draft"})),
        &[("branch_merge", Some("draft"), Some("main"))],
    );
    case(
        Operation::MergeBranches,
        Ask::post(&url("/branches/merge"), json!({"source": "main", "target": "draft"})),
        &[("branch_merge", Some("main"), Some("draft"))],
    );
    for (branch, commit) in [("main", head), ("draft", draft)] {
        let read = (("read", Some(branch), None), Denial::Hidden);
        cases.push(Case {
            operation: Operation::GetCommitChanges,
            ask: Ask::get(&url(&format!("/commits/{commit}/changes"))),
            questions: vec![read],
        });
        cases.push(Case {
            operation: Operation::GetCommit,
            ask: Ask::get(&url(&format!("/commits/{commit}"))),
            questions: vec![(graph("read"), Denial::Forbidden), read],
        });
        let invoke = |operation, path: &str, body: serde_json::Value, action| Case {
            operation,
            ask: Ask::post(&url(path), body),
            questions: vec![
                (graph("invoke_query"), Denial::Hidden),
                ((action, Some(branch), None), Denial::Forbidden),
            ],
        };
        let read = json!({"params": {"n": 1}, "branch": branch});
        cases.push(invoke(Operation::InvokeQuery, "/queries/big", read, "read"));
        let write = json!({"params": {"name": "stored"}, "branch": branch});
        cases.push(invoke(Operation::InvokeQuery, "/queries/add_city", write.clone(), "change"));
        let mut case =
            invoke(Operation::InvokeQueryIfGraphCommit, "/queries/add_city/if-graph-commit", write, "change");
        case.ask = case.ask.with("Omnigraph-If-Graph-Commit", commit);
        cases.push(case);
    }
    cases
}

/// Everything that a request could leave behind.
async fn trace(graph: &Omnigraph) -> (Vec<String>, Vec<String>, u64) {
    let branches = graph.branch_list().await.unwrap();
    let mut heads = Vec::new();
    for branch in &branches {
        heads.push(graph.snapshot_of(branch.as_str()).await.unwrap().commit().graph_commit_id);
    }
    (branches, heads, graph.stats().await.unwrap().commits)
}

async fn served(bundle: Option<&str>) -> Served {
    let served = Served::with(&Setup { bundle, actors: &ACTORS, queries: true }).await;
    served.graph.branch_create("draft").await.unwrap();
    served.graph.branch_create("spare").await.unwrap();
    let add = omnigraph::db::Mutate::new("draft", "query a() { insert City { name: \"bodo\" } }");
    served.graph.mutate(add).await.unwrap();
    served
}

fn check(shown: &str, reply: &Reply, denied: Option<Denial>) {
    match denied {
        None => assert!(
            matches!(reply.status, 200 | 409),
            "{shown}: allowed, but {} {}",
            reply.status,
            reply.text()
        ),
        Some(Denial::Forbidden) => assert_eq!(reply.status, 403, "{shown}: {}", reply.text()),
        Some(Denial::Hidden) => assert_eq!(reply.status, 404, "{shown}: {}", reply.text()),
    }
}

#[tokio::test]
async fn every_route_is_judged_by_the_policy() {
    let (mut decided, mut succeeded) = (BTreeSet::new(), BTreeSet::new());
    for (number, bundle) in BUNDLES.iter().enumerate() {
        let text = bundle.text();
        let mut served = self::served(Some(&text)).await;
        for actor in ACTORS {
            for base in ["", "/graphs/atlas"] {
                let count = cases(base, "", "").len();
                for index in 0..count {
                    let (head, draft) = (served.head("main").await, served.head("draft").await);
                    let Case { operation, ask, questions } = cases(base, &head, &draft).swap_remove(index);
                    let shown = format!("bundle {number}, {actor}: {ask:?}");
                    let denied = questions
                        .into_iter()
                        .find(|(question, _)| !bundle.allows(actor, *question))
                        .map(|(_, denial)| denial);
                    let before = trace(&served.graph).await;
                    let reply = served.send(ask.actor(actor)).await;
                    check(&shown, &reply, denied);
                    decided.insert(format!("{operation:?} {}", denied.is_none()));
                    if reply.status == 200 {
                        succeeded.insert(format!("{operation:?}"));
                    }
                    if denied.is_some() {
                        assert_eq!(trace(&served.graph).await, before, "{shown} left a trace");
                    } else if trace(&served.graph).await != before {
                        // What was allowed changed the fixture.
                        served = self::served(Some(&text)).await;
                    }
                    assert_eq!(served.state.workload.inflight(), 0, "{shown}");
                }
            }
        }
    }
    for operation in Operation::ALL {
        if !matches!(operation, Operation::Health | Operation::ListGraphs) {
            for allowed in [true, false] {
                let decision = format!("{operation:?} {allowed}");
                assert!(decided.contains(&decision), "{decision} was never decided");
            }
            // A conflict passes for an allowed request, but not every time.
            assert!(succeeded.contains(&format!("{operation:?}")), "{operation:?} never succeeded");
        }
    }
}

#[tokio::test]
async fn without_a_policy_an_actor_may_read_and_nothing_else() {
    let served = self::served(None).await;
    let (head, draft) = (served.head("main").await, served.head("draft").await);
    for Case { ask, questions, .. } in cases("/graphs/atlas", &head, &draft) {
        let shown = format!("{ask:?}");
        let before = trace(&served.graph).await;
        let denied =
            questions.into_iter().find(|((action, ..), _)| *action != "read").map(|(_, denial)| denial);
        let reply = served.send(ask.clone().actor("owner")).await;
        check(&shown, &reply, denied);
        if denied == Some(Denial::Forbidden) && !shown.contains("HEAD") {
            assert!(reply.text().contains("default-deny"), "{shown}: {}", reply.text());
        }
        assert_eq!(served.send(ask).await.status, 401, "{shown} without a token");
        assert_eq!(trace(&served.graph).await, before, "{shown} left a trace");
    }
}
