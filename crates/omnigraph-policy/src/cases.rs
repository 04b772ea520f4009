//! Tests of a bundle: files of requests, each with the decision that it must get.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use omnigraph_yaml::{Node, Position, Positions, Reader, Value, item, join};
use serde::Serialize;

use crate::config::{read, read_action, tree};
use crate::engine::PolicyEngine;
use crate::explain::PolicyEffect;
use crate::problem::{PolicyLoadError, Problem, ProblemKind, in_order};
use crate::request::PolicyRequest;
use crate::validate::failure;

/// A file of test cases.
///
/// ```
/// use omnigraph_policy::{PolicyEngine, PolicyTestConfig};
///
/// let nobody = PolicyEngine::load_graph_from_source("version: 1\n", "atlas")?;
/// let tests = PolicyTestConfig::from_source(
///     "version: 1\n\
///      cases: [{ id: eve, actor: act-eve, action: read, branch: main, expect: deny }]\n",
/// )?;
/// assert_eq!(nobody.run_tests(&tests).to_string(), "policy tests passed: 1 cases");
/// # Ok::<(), omnigraph_policy::PolicyLoadError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyTestConfig {
    /// Version of the format; must be 1.
    pub version: u32,
    /// The cases, in the order of the file.
    pub cases: Vec<PolicyTestCase>,
}

/// One test case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyTestCase {
    /// Unique id, which a failure names.
    pub id: String,
    /// Who asks.
    pub actor: String,
    /// For what. The branches are those that the operation hands over.
    #[serde(flatten)]
    pub request: PolicyRequest,
    /// The answer that must come.
    pub expect: PolicyEffect,
}

/// The result of a run.
///
/// Displays as `policy tests passed: <n> cases`, or as `policy tests failed:` and one line for each failed case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyTestReport {
    /// How many cases ran.
    pub cases: usize,
    /// The cases that failed, in the order of the file.
    pub failures: Vec<PolicyTestFailure>,
}

/// A case that got another answer than it expects.
///
/// Displays as `<id>: expected <allow|deny> but got <answer>`, with the message of the decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyTestFailure {
    /// Id of the case.
    pub id: String,
    /// The answer expected.
    pub expected: PolicyEffect,
    /// The answer; absent if the request could not be decided.
    pub actual: Option<PolicyEffect>,
    /// The message of the decision, or why there is none.
    pub message: String,
}

const TEST_KEYS: &[&str] = &["version", "cases"];
const CASE_KEYS: &[&str] = &["id", "actor", "action", "branch", "target_branch", "expect"];

impl PolicyTestConfig {
    /// Reads and checks a tests file.
    ///
    /// # Errors
    /// [`PolicyLoadError::Read`]; [`PolicyLoadError::Invalid`] with all problems and the file.
    pub fn load(path: impl AsRef<Path>) -> Result<PolicyTestConfig, PolicyLoadError> {
        let path = path.as_ref();
        PolicyTestConfig::from_source(&read(path)?).map_err(|error| error.in_file(path))
    }

    /// Parses and checks the text of a tests file. Ids and actors are trimmed, branches are taken as they are.
    ///
    /// # Errors
    /// [`PolicyLoadError::Invalid`] with all problems.
    pub fn from_source(text: &str) -> Result<PolicyTestConfig, PolicyLoadError> {
        let root = tree(text)?;
        let mut reader = Reader::default();
        let tests = read_tests(&mut reader, &root);
        let Some(tests) = tests.filter(|_| reader.problems().is_empty()) else {
            return Err(PolicyLoadError::Invalid { file: None, problems: in_order(reader.into_problems()) });
        };
        failure(check(&tests, &reader.into_positions()))?;
        Ok(tests)
    }
}

fn read_tests(reader: &mut Reader<ProblemKind>, root: &Node) -> Option<PolicyTestConfig> {
    let fields = reader.map(root, "", TEST_KEYS)?;
    let version = reader.required_integer(&fields, "version");
    if let Some(found) = version.filter(|version| *version != 1) {
        let (node, path) = fields.get("version")?;
        reader.report(&path, node.position, ProblemKind::TestVersion { found });
    }
    let mut cases = Vec::new();
    if let Some((node, path)) = fields.get("cases") {
        for (index, case) in reader.list(node, &path).unwrap_or_default().iter().enumerate() {
            cases.extend(read_case(reader, case, &item(&path, index)));
            reader.enter(None);
        }
    }
    Some(PolicyTestConfig { version: 1, cases })
}

fn read_case(reader: &mut Reader<ProblemKind>, node: &Node, path: &str) -> Option<PolicyTestCase> {
    reader.enter(node.text_of("id").map(|id| format!("case '{id}'")));
    let fields = reader.map(node, path, CASE_KEYS)?;
    let id = reader.required_text(&fields, "id");
    let actor = reader.required_text(&fields, "actor");
    let action = reader.required(&fields, "action").and_then(|(node, path)| read_action(reader, node, &path));
    let mut branch = |key| {
        let (node, path) = fields.get(key).filter(|(node, _)| node.value != Value::Null)?;
        reader.text(node, &path)
    };
    let (branch, target_branch) = (branch("branch"), branch("target_branch"));
    let effects = [("allow", PolicyEffect::Allow), ("deny", PolicyEffect::Deny)];
    let expect = reader
        .required(&fields, "expect")
        .and_then(|(node, path)| reader.word(node, &path, "expected decision", &effects));
    Some(PolicyTestCase {
        id: id?.trim().to_owned(),
        actor: actor?.trim().to_owned(),
        request: PolicyRequest { action: action?, branch, target_branch },
        expect: expect?,
    })
}

fn check(tests: &PolicyTestConfig, positions: &Positions) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut first_uses: HashMap<&str, Option<Position>> = HashMap::new();
    for (index, case) in tests.cases.iter().enumerate() {
        let path = item("cases", index);
        let mut report = |key: &str, kind| {
            let path = join(&path, key);
            let position = positions.get(&path);
            problems.push(Problem::new(path, position, kind));
        };
        let id = case.id.as_str();
        if id.is_empty() {
            report("id", ProblemKind::BlankCaseId { number: index + 1 });
        } else if let Some(first) = first_uses.get(id) {
            report("id", ProblemKind::DuplicateCase { case: id.to_owned(), first: *first });
        } else {
            first_uses.insert(id, positions.get(&join(&path, "id")));
        }
        if case.actor.is_empty() {
            report("actor", ProblemKind::BlankCaseActor { case: id.to_owned() });
        }
    }
    problems
}

impl PolicyEngine {
    /// Runs all cases, also after one has failed.
    pub fn run_tests(&self, tests: &PolicyTestConfig) -> PolicyTestReport {
        let failures = tests.cases.iter().filter_map(|case| self.run_test(case)).collect();
        PolicyTestReport { cases: tests.cases.len(), failures }
    }

    fn run_test(&self, case: &PolicyTestCase) -> Option<PolicyTestFailure> {
        let (actual, message) = match self.authorize(&case.actor, &case.request) {
            Ok(decision) => (Some(PolicyEffect::of(decision.allowed)), decision.message),
            Err(error) => (None, error.to_string()),
        };
        (actual != Some(case.expect)).then(|| PolicyTestFailure {
            id: case.id.clone(),
            expected: case.expect,
            actual,
            message,
        })
    }
}

impl PolicyTestReport {
    /// Returns whether every case got the answer it expects.
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }
}

impl fmt::Display for PolicyTestReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.passed() {
            return write!(f, "policy tests passed: {} cases", self.cases);
        }
        f.write_str("policy tests failed:")?;
        self.failures.iter().try_for_each(|failure| write!(f, "\n{failure}"))
    }
}

impl fmt::Display for PolicyTestFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.actual {
            Some(actual) => {
                write!(f, "{}: expected {} but got {actual} ({})", self.id, self.expected, self.message)
            }
            None => write!(f, "{}: expected {} but got an error ({})", self.id, self.expected, self.message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    const TESTS: &str = "\
version: 1
cases:
  - { id: lin-cannot-touch-main, actor: act-lin, action: change, branch: main, expect: deny }
  - { id: lin-drafts,            actor: act-lin, action: change, branch: draft/x, expect: allow }
  - { id: ada-publishes, actor: act-ada, action: branch_merge, branch: draft/x, target_branch: main, expect: allow }
";

    #[test]
    fn all_cases_run_and_the_failures_are_told() {
        let engine = sample::engine();
        let tests = PolicyTestConfig::from_source(TESTS).unwrap();
        assert_eq!(engine.run_tests(&tests).to_string(), "policy tests passed: 3 cases");
        let wrong = TESTS
            .replace("expect: allow", "expect: deny")
            .replace(" branch: main, expect", " branch: ' ', expect");
        let report = engine.run_tests(&PolicyTestConfig::from_source(&wrong).unwrap());
        assert!(!report.passed());
        assert_eq!(
            report.to_string(),
            "policy tests failed:\n\
             lin-cannot-touch-main: expected deny but got an error (policy evaluation failed: branch name must not be blank)\n\
             lin-drafts: expected deny but got allow (policy allowed action 'change' for actor 'act-lin')\n\
             ada-publishes: expected deny but got allow (policy allowed action 'branch_merge' for actor 'act-ada')"
        );
    }

    #[test]
    fn a_file_without_cases_passes() {
        for text in ["version: 1", "version: 1\ncases:\n", "version: 1\ncases: []\n"] {
            let tests = PolicyTestConfig::from_source(text).unwrap();
            assert_eq!(sample::engine().run_tests(&tests).to_string(), "policy tests passed: 0 cases");
        }
    }

    #[test]
    fn broken_tests_files_are_refused() {
        let case = |entries: &str| format!("version: 1\ncases:\n  - {{ {entries} }}\n");
        let table = [
            ("version: 2\n".to_owned(), "policy test version must be 1"),
            ("cases: []\n".to_owned(), "missing key 'version'"),
            (case("id: a, actor: x, action: read, expect: maybe"), "unknown expected decision 'maybe'"),
            (case("id: a, actor: x, action: branch-create, expect: deny"), "did you mean 'branch_create'?"),
            (case("id: a, actor: x, action: read, expect: deny, brnch: m"), "unknown key 'brnch'"),
            (case("id: ' ', actor: x, action: read, expect: deny"), "case ids must not be blank"),
            (case("id: a, actor: '', action: read, expect: deny"), "case 'a' contains a blank actor id"),
            (case("id: a, actor: x, action: read"), "missing key 'expect'"),
            (TESTS.replace("lin-drafts", "ada-publishes"), "duplicate policy test case id 'ada-publishes'"),
        ];
        for (text, expected) in table {
            let error = PolicyTestConfig::from_source(&text).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains("line "), "{error}");
        }
    }
}
