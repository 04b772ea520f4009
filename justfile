# Short names for the commands of README.md and CONTRIBUTING.md: `just`, `just test`, …

# Lists these names.
default:
    @just --list

# Makes the example graph and asks it: the main job.
quickstart *ARGS:
    cargo run -- quickstart {{ARGS}}

# Every test, the examples of the library included.
test *ARGS:
    cargo test --workspace --all-features {{ARGS}}

# The gate.
gate:
    .ci/run

# Format and lints, as the gate has them.
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --all-features --locked -- -D warnings

# Formats.
fmt:
    cargo fmt --all

# Spelling, licences, bans, sources.
check:
    typos . .ci .cargo
    cargo deny --locked check licenses bans sources

# Known weaknesses of what the tree brings; needs a network.
advisories:
    cargo deny --locked check advisories

# An example of the library: people, branches or search.
example NAME:
    cargo run -p omnigraph --example {{NAME}}

# The documentation of all crates.
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

# Random programs beside the model, this many.
model CASES="4000":
    PROPTEST_CASES={{CASES}} cargo test -p omnigraph --all-features --test it model:: -- --nocapture

# Runs over unreliable stores, this many per kind of fault.
outages SEEDS="50":
    OMNIGRAPH_OUTAGE_SEEDS={{SEEDS}} cargo test -p omnigraph --all-features --test it outages

# Kills a writer this often.
crash ROUNDS="200":
    OMNIGRAPH_CRASH_ROUNDS={{ROUNDS}} cargo test -p omnigraph-bench crash

# Kills writers of several processes for so many seconds.
fleet SECONDS="120":
    OMNIGRAPH_FLEET_SECONDS={{SECONDS}} cargo test -p omnigraph-bench fleet -- --nocapture

# Measures on the Debian package graph (see bench/run.sh).
bench *ARGS:
    bench/run.sh {{ARGS}}

# Feeds arbitrary text to the compiler (nightly toolchain): schema or query.
fuzz TARGET:
    cargo fuzz run {{TARGET}}
