//! Writes an archive as the graph of `examples/debian/schema.pg`.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use serde::Serialize;

use super::archive::Archive;
use super::package::PackageVersion;
use super::relation::RelationKind;
use crate::batch::Batch;
use crate::error::ConvertError;

#[derive(Serialize)]
struct Named<'a> {
    name: &'a str,
}

#[derive(Serialize)]
struct Section<'a> {
    name: &'a str,
    area: &'a str,
}

#[derive(Serialize)]
struct Maintainer<'a> {
    email: &'a str,
    name: &'a str,
}

#[derive(Default, Serialize)]
struct Package<'a> {
    name: &'a str,
    r#virtual: bool,
    essential: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    multi_arch: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    installed_kib: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    homepage: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<&'a [String]>,
}

#[derive(Serialize)]
struct Version<'a> {
    package: &'a str,
    version: &'a str,
    architecture: &'a str,
    newest: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    installed_kib: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    download_bytes: Option<i64>,
}

#[derive(Serialize)]
struct Plain<'a> {
    id: &'a str,
}

#[derive(Serialize)]
struct BuiltFrom<'a> {
    id: &'a str,
    source_version: &'a str,
}

#[derive(Serialize)]
struct Related<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    choice: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    constraint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    qualifier: Option<&'a str>,
}

/// Writes all nodes, then all edges, each type sorted by the text of its ids or of its sources.
pub fn write(archive: &Archive, batch: &mut Batch<impl Write>) -> Result<(), ConvertError> {
    write_contexts(archive, batch)?;
    write_packages(archive, batch)?;
    for version in archive.packages.values().flatten() {
        batch.node(
            "Version",
            &Version {
                package: &version.package,
                version: &version.version,
                architecture: &version.architecture,
                newest: is_newest(archive, version),
                installed_kib: version.installed_kib,
                download_bytes: version.download_bytes,
            },
        )?;
    }
    write_memberships(archive, batch)?;
    for kind in RelationKind::ALL {
        write_relations(archive, kind, batch)?;
    }
    Ok(())
}

/// The newest version of each package, by name of the package.
fn newest(archive: &Archive) -> impl Iterator<Item = &PackageVersion> {
    archive.packages.values().filter_map(|versions| versions.first())
}

fn is_newest(archive: &Archive, version: &PackageVersion) -> bool {
    archive.newest(&version.package).is_some_and(|n| std::ptr::eq(n, version))
}

/// Sections, maintainers and sources.
fn write_contexts(archive: &Archive, batch: &mut Batch<impl Write>) -> Result<(), ConvertError> {
    let sections: BTreeSet<&str> = newest(archive).filter_map(|v| v.section.as_deref()).collect();
    for name in sections {
        let area = name.split_once('/').map_or("main", |(area, _)| area);
        batch.node("Section", &Section { name, area })?;
    }
    let mut maintainers: BTreeMap<String, BTreeMap<&str, u64>> = BTreeMap::new();
    for text in newest(archive).filter_map(|v| v.maintainer.as_deref()) {
        let (name, email) = address(text);
        *maintainers.entry(email).or_default().entry(name).or_default() += 1;
    }
    for (email, names) in &maintainers {
        // One address may go by several names: the most frequent one counts, then the first.
        let name = names.iter().min_by_key(|(name, uses)| (Reverse(**uses), **name)).map(|(name, _)| *name);
        batch.node("Maintainer", &Maintainer { email, name: name.unwrap_or(email) })?;
    }
    let sources: BTreeSet<&str> = archive.packages.values().flatten().map(|v| v.source.as_str()).collect();
    for name in sources {
        batch.node("Source", &Named { name })?;
    }
    Ok(())
}

fn write_packages(archive: &Archive, batch: &mut Batch<impl Write>) -> Result<(), ConvertError> {
    let mut names: BTreeSet<&str> = archive.packages.keys().map(String::as_str).collect();
    names.extend(newest(archive).flat_map(|v| v.related(&RelationKind::ALL)).map(|(_, r)| r.target.as_str()));
    for name in names {
        let package = match archive.newest(name) {
            None => Package { name, r#virtual: true, ..Package::default() },
            Some(version) => Package {
                name,
                r#virtual: false,
                essential: version.essential,
                priority: version.priority,
                multi_arch: version.multi_arch,
                installed_kib: version.installed_kib,
                summary: version.summary.as_deref(),
                description: version.description.as_deref(),
                homepage: version.homepage.as_deref(),
                tags: Some(&version.tags).filter(|t| !t.is_empty()).map(Vec::as_slice),
            },
        };
        batch.node("Package", &package)?;
    }
    Ok(())
}

/// The edges that tie packages to sections and maintainers, and versions to packages and sources.
fn write_memberships(archive: &Archive, batch: &mut Batch<impl Write>) -> Result<(), ConvertError> {
    for version in newest(archive) {
        if let Some(section) = &version.section {
            batch.edge("InSection", &version.package, section, &Plain { id: &version.package })?;
        }
    }
    for version in newest(archive) {
        if let Some(maintainer) = &version.maintainer {
            let (_, email) = address(maintainer);
            batch.edge("MaintainedBy", &version.package, &email, &Plain { id: &version.package })?;
        }
    }
    for version in archive.packages.values().flatten() {
        let id = version_id(version);
        batch.edge("HasVersion", &version.package, &id, &Plain { id: &version_edge(version) })?;
    }
    for version in archive.packages.values().flatten() {
        let data = BuiltFrom { id: &version_edge(version), source_version: &version.source_version };
        batch.edge("BuiltFrom", &version_id(version), &version.source, &data)?;
    }
    Ok(())
}

fn write_relations(
    archive: &Archive,
    kind: RelationKind,
    batch: &mut Batch<impl Write>,
) -> Result<(), ConvertError> {
    for version in newest(archive) {
        for (_, relation) in version.related(&[kind]) {
            let (id, group, choice) = if kind.has_alternatives() {
                let id = format!("{}/{}.{}", version.package, relation.group, relation.choice);
                (id, Some(relation.group), Some(relation.choice))
            } else {
                (format!("{}/{}", version.package, relation.group), None, None)
            };
            let data = Related {
                id: &id,
                group,
                choice,
                constraint: relation.constraint.as_deref(),
                qualifier: relation.qualifier.as_deref(),
            };
            batch.edge(kind.edge(), &version.package, &relation.target, &data)?;
        }
    }
    Ok(())
}

/// The id of a node with the key (architecture, package, version): a JSON array in the order of the members' names.
fn version_id(v: &PackageVersion) -> String {
    serde_json::json!([v.architecture, v.package, v.version]).to_string()
}

/// The id of the one edge that a version has to its package, or to its source.
fn version_edge(v: &PackageVersion) -> String {
    format!("{}_{}_{}", v.package, v.version, v.architecture)
}

/// Splits `Name <address>`. Addresses are lower-cased: they identify.
fn address(maintainer: &str) -> (&str, String) {
    match maintainer.split_once('<') {
        None => (maintainer.trim(), maintainer.trim().to_lowercase()),
        Some((name, rest)) => {
            let email = rest.split('>').next().unwrap_or(rest).trim().to_lowercase();
            (name.trim().trim_matches('"'), email)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::super::slice;
    use super::*;
    use crate::batch::Count;
    use crate::input::Lines;

    const LIST: &str = r#"Package: shell
Version: 1:2.0-1
Architecture: amd64
Source: shells (2.0-1)
Maintainer: "A. Dmin" <Admin@example.org>
Section: shells
Priority: required
Essential: yes
Installed-Size: 100
Size: 5000
Depends: lib (>= 1), awk | other
Tag: role::program, interface::shell
Description: a shell
 It runs commands.
 .
 Slowly.

Package: shell
Version: 1:1.0-1
Architecture: amd64
Description: an old shell

Package: lib
Version: 1
Architecture: all
Section: non-free/libs
Suggests: gone

Package: mawk
Version: 1
Architecture: amd64
Provides: awk (= 1)
Conflicts: awk
"#;

    fn archive() -> Archive {
        let mut archive = Archive::default();
        archive.read_packages(Lines::new("list", Cursor::new(LIST)).unwrap()).unwrap();
        archive
    }

    fn written(archive: &Archive) -> (Vec<Count>, String) {
        let mut batch = Batch::new("memory", Vec::new());
        write(archive, &mut batch).unwrap();
        let (counts, bytes) = batch.finish().unwrap();
        (counts, String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn a_list_becomes_a_graph() {
        let (counts, text) = written(&archive());
        let counts: Vec<_> = counts.iter().map(|c| (c.name, c.lines)).collect();
        assert_eq!(
            counts,
            [
                ("Section", 2),
                ("Maintainer", 1),
                ("Source", 4),
                ("Package", 6),
                ("Version", 4),
                ("InSection", 2),
                ("MaintainedBy", 1),
                ("HasVersion", 4),
                ("BuiltFrom", 4),
                ("Depends", 3),
                ("Suggests", 1),
                ("Conflicts", 1),
                ("Provides", 1),
            ]
        );
        for line in [
            r#"{"type":"Section","data":{"name":"non-free/libs","area":"non-free"}}"#,
            r#"{"type":"Maintainer","data":{"email":"admin@example.org","name":"A. Dmin"}}"#,
            r#"{"type":"Package","data":{"name":"awk","virtual":true,"essential":false}}"#,
            r#"{"type":"Package","data":{"name":"shell","virtual":false,"essential":true,"priority":"required","installed_kib":100,"summary":"a shell","description":"It runs commands.\n\nSlowly.","tags":["interface::shell","role::program"]}}"#,
            r#"{"type":"Version","data":{"package":"shell","version":"1:1.0-1","architecture":"amd64","newest":false}}"#,
            r#"{"edge":"HasVersion","from":"shell","to":"[\"amd64\",\"shell\",\"1:2.0-1\"]","data":{"id":"shell_1:2.0-1_amd64"}}"#,
            r#"{"edge":"BuiltFrom","from":"[\"amd64\",\"shell\",\"1:2.0-1\"]","to":"shells","data":{"id":"shell_1:2.0-1_amd64","source_version":"2.0-1"}}"#,
            r#"{"edge":"Depends","from":"shell","to":"lib","data":{"id":"shell/1.1","group":1,"choice":1,"constraint":">= 1"}}"#,
            r#"{"edge":"Depends","from":"shell","to":"other","data":{"id":"shell/2.2","group":2,"choice":2}}"#,
            r#"{"edge":"Provides","from":"mawk","to":"awk","data":{"id":"mawk/1","constraint":"= 1"}}"#,
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\nnot in\n{text}");
        }
    }

    #[test]
    fn the_order_of_stanzas_does_not_matter() {
        let mut stanzas: Vec<&str> = LIST.split("\n\n").collect();
        stanzas.reverse();
        let mut reversed = Archive::default();
        reversed.read_packages(Lines::new("list", Cursor::new(stanzas.join("\n\n"))).unwrap()).unwrap();
        assert_eq!(written(&reversed), written(&archive()));
    }

    #[test]
    fn a_slice_holds_what_its_packages_require() {
        let mut archive = archive();
        slice(&mut archive, &["shell".to_owned()], 3).unwrap();
        let (_, text) = written(&archive);
        assert_eq!(archive.packages.keys().collect::<Vec<_>>(), ["lib", "mawk", "shell"]);
        assert!(text.contains(r#""name":"awk","virtual":true"#), "{text}");
        assert!(!text.contains("gone") && !text.contains("other"), "{text}");
    }

    #[test]
    fn a_package_that_does_not_fit_is_passed_over() {
        let mut archive = archive();
        slice(&mut archive, &["shell".to_owned(), "mawk".to_owned()], 2).unwrap();
        assert_eq!(archive.packages.keys().collect::<Vec<_>>(), ["mawk"]);
    }

    #[test]
    fn an_unknown_root_is_an_error() {
        let error = slice(&mut archive(), &["nothing".to_owned()], 2).unwrap_err();
        assert!(matches!(error, ConvertError::UnknownRoot { .. }));
    }

    #[test]
    fn translations_add_long_descriptions() {
        let mut archive = Archive::default();
        let list = "Package: a\nVersion: 1\nArchitecture: all\nDescription: short\nDescription-md5: d0\n";
        archive.read_packages(Lines::new("list", Cursor::new(list)).unwrap()).unwrap();
        let texts = "Package: a\nDescription-md5: d0\nDescription-en: short\n The long\n text.\n";
        archive.read_translations(Lines::new("texts", Cursor::new(texts)).unwrap()).unwrap();
        let (_, text) = written(&archive);
        assert!(text.contains(r#""summary":"short","description":"The long\ntext.""#), "{text}");
    }
}
