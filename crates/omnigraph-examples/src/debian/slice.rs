//! A small part of an archive in which every dependency is met.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::archive::Archive;
use super::relation::RelationKind;
use crate::error::ConvertError;

/// Where a slice starts unless told otherwise. Names that an archive lacks are passed over.
pub const DEFAULT_ROOTS: &str = "bash coreutils grep sed gawk mawk tar gzip apt sudo openssh-server curl wget rsync \
    git vim nano less man-db tmux htop strace jq python3 perl gcc g++ make cmake gdb nginx apache2 postgresql sqlite3 \
    redis exim4 postfix ripgrep";

const REQUIRED: [RelationKind; 2] = [RelationKind::PreDepends, RelationKind::Depends];
const WANTED: [RelationKind; 1] = [RelationKind::Recommends];

/// Keeps at most `limit` packages: the roots, then what the kept ones recommend, breadth first, each with
/// everything it requires; a package that does not fit with its requirements is passed over. Of alternatives, the
/// first counts that is a package, or else the first provider by name; one that is kept already goes first.
///
/// Only the relations between what is kept remain; virtual names remain if a kept package provides them.
pub fn slice(archive: &mut Archive, roots: &[String], limit: usize) -> Result<(), ConvertError> {
    let known = |name: &&str| archive.packages.contains_key(*name);
    let roots: Vec<&str> = match roots {
        [] => DEFAULT_ROOTS.split_whitespace().filter(known).collect(),
        given => given.iter().map(String::as_str).collect(),
    };
    if let Some(name) = roots.iter().find(|r| !known(r)) {
        return Err(ConvertError::UnknownRoot { name: (*name).to_owned() });
    }
    let kept: BTreeSet<String> = select(archive, &roots, limit).into_iter().map(str::to_owned).collect();
    archive.packages.retain(|name, _| kept.contains(name));
    let provided: BTreeSet<String> = archive.providers().into_keys().map(str::to_owned).collect();
    for version in archive.packages.values_mut().flatten() {
        for (_, relations) in &mut version.relations {
            relations.retain(|r| kept.contains(&r.target) || provided.contains(&r.target));
        }
    }
    Ok(())
}

fn select<'a>(archive: &'a Archive, roots: &[&'a str], limit: usize) -> BTreeSet<&'a str> {
    let providers = archive.providers();
    let mut kept = BTreeSet::new();
    let mut queue: VecDeque<&str> = roots.iter().copied().collect();
    let mut seen: BTreeSet<&str> = roots.iter().copied().collect();
    while let Some(name) = queue.pop_front() {
        let added = closure(archive, &providers, &kept, name);
        if kept.len() + added.len() > limit {
            continue;
        }
        for name in &added {
            let wanted = archive.newest(name).into_iter().flat_map(|v| v.related(&WANTED));
            let wanted = wanted.map(|(_, r)| r.target.as_str());
            queue.extend(wanted.filter(|t| archive.packages.contains_key(*t)).filter(|t| seen.insert(t)));
        }
        kept.extend(added);
    }
    kept
}

/// Returns what has to join `kept` with this package, in the order found.
fn closure<'a>(
    archive: &'a Archive,
    providers: &BTreeMap<&'a str, BTreeSet<&'a str>>,
    kept: &BTreeSet<&'a str>,
    start: &'a str,
) -> Vec<&'a str> {
    let mut added = Vec::new();
    if !kept.contains(start) {
        added.push(start);
    }
    let mut next = 0;
    while let Some(version) = added.get(next).and_then(|name| archive.newest(name)) {
        next += 1;
        let mut groups: BTreeMap<(RelationKind, u32), Vec<&str>> = BTreeMap::new();
        for (kind, relation) in version.related(&REQUIRED) {
            let candidates = groups.entry((kind, relation.group)).or_default();
            if archive.packages.contains_key(&relation.target) {
                candidates.push(&relation.target);
            }
            candidates.extend(providers.get(relation.target.as_str()).into_iter().flatten());
        }
        for candidates in groups.into_values() {
            let met = candidates.iter().any(|c| kept.contains(c) || added.contains(c));
            if let (false, Some(first)) = (met, candidates.first()) {
                added.push(first);
            }
        }
    }
    added
}
