//! `omnigraph changes baseline`.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use omnigraph_api::{ChangeBaselineOutput, ChangeBaselineRequest};
use omnigraph_service as service;

use super::type_names;
use crate::address::{self, Access, Target};
use crate::args::Global;
use crate::args::changes::Baseline;
use crate::failure::Failure;
use crate::output;

/// Bytes that are buffered before they are written.
const BUFFER: usize = 256 << 10;

/// Writes the data of a branch to a file, and prints the cursor of the changes that follow.
pub(crate) async fn run(args: &Baseline, global: &Global) -> Result<(), Failure> {
    let target = address::target(args.uri.as_deref(), global, Access::Read).await?;
    let request = args.scope.baseline(&args.branch);
    let file = AtomicFile::create(&args.out)?;
    let captured = capture(&target, global, &request, &file).await?;
    file.persist()?;
    if global.json {
        return output::json(&captured);
    }
    output::line(&format!(
        "snapshot: {}\nsnapshot_commit_id: {}\nresume_cursor: {}",
        args.out.display(),
        captured.snapshot_commit_id,
        captured.resume_cursor
    ))
}

/// Writes the data to the temporary file.
async fn capture(
    target: &Target,
    global: &Global,
    request: &ChangeBaselineRequest,
    file: &AtomicFile,
) -> Result<ChangeBaselineOutput, Failure> {
    let failed = |error| file.failed("writing", error);
    match target {
        Target::Direct(uri) => {
            let graph = address::open(uri, global, Access::Read).await?;
            let branch = request.branch.as_deref().unwrap_or("main");
            if !request.type_names.is_empty() {
                let snapshot = service::snapshot(&graph, branch).await?;
                type_names::check(&request.type_names, &type_names::of(&snapshot))?;
            }
            let mut out = BufWriter::with_capacity(BUFFER, &file.handle);
            let scope = service::baseline_scope(request);
            let captured = graph.capture_change_baseline(branch, &scope, &mut out).await?;
            out.into_inner().map_err(|error| failed(error.into_error()))?;
            Ok(ChangeBaselineOutput {
                snapshot_commit_id: captured.snapshot_commit_id,
                resume_cursor: captured.resume_cursor,
            })
        }
        Target::Served(graph) => {
            let file = tokio::fs::File::from_std(file.handle.try_clone().map_err(failed)?);
            let mut out = tokio::io::BufWriter::with_capacity(BUFFER, file);
            Ok(graph.capture_baseline(request, &mut out).await?)
        }
    }
}

/// A file that is written under a temporary name and then renamed, so that its path never has half of it. A lock file
/// keeps other captures to the same path out until then.
struct AtomicFile {
    path: PathBuf,
    directory: PathBuf,
    temporary: RemoveOnDrop,
    handle: File,
    /// Held until this is dropped.
    _lock: File,
}

impl AtomicFile {
    /// Takes the lock and creates the temporary file.
    fn create(path: &Path) -> Result<AtomicFile, Failure> {
        let failed = |what: &str, error| Failure::io(format!("{what} '{}'", path.display()), error);
        let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(|| {
            Failure::usage(format!("'{}' names no file", path.display()), "give the path of a file to write")
        })?;
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let lock = File::create(directory.join(format!("{name}.lock"))).map_err(|e| failed("locking", e))?;
        lock.lock().map_err(|e| failed("locking", e))?;
        let temporary = RemoveOnDrop(directory.join(format!(".{name}.{}.tmp", std::process::id())));
        let handle = File::create(&temporary.0).map_err(|e| failed("writing", e))?;
        Ok(AtomicFile { path: path.to_owned(), directory, temporary, handle, _lock: lock })
    }

    /// Renames the file to its path, durably.
    fn persist(self) -> Result<(), Failure> {
        self.handle.sync_all().map_err(|error| self.failed("writing", error))?;
        let rename = || -> std::io::Result<bool> {
            std::fs::rename(&self.temporary.0, &self.path)?;
            File::open(&self.directory).and_then(|directory| directory.sync_all())?;
            Ok(same_file(&self.handle.metadata()?, &std::fs::metadata(&self.path)?))
        };
        if rename().map_err(|error| self.failed("installing", error))? {
            return Ok(());
        }
        Err(Failure::usage(
            format!("another writer replaced '{}' meanwhile", self.path.display()),
            "capture again; the cursor of this capture is not printed",
        ))
    }

    fn failed(&self, what: &str, error: std::io::Error) -> Failure {
        Failure::io(format!("{what} '{}'", self.path.display()), error)
    }
}

#[cfg(unix)]
fn same_file(a: &std::fs::Metadata, b: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

#[cfg(not(unix))]
fn same_file(a: &std::fs::Metadata, b: &std::fs::Metadata) -> bool {
    a.len() == b.len()
}

/// A path that is removed when this is dropped.
struct RemoveOnDrop(PathBuf);

impl Drop for RemoveOnDrop {
    fn drop(&mut self) {
        // After the rename there is nothing at the path.
        let _ = std::fs::remove_file(&self.0);
    }
}
