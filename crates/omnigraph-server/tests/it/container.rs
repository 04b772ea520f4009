//! The entry point of containers: the command line that it makes of the environment.

use std::process::Command;

/// Runs the script with these variables; returns exit code, the arguments that the server got, and stderr.
fn entry(args: &[&str], env: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let mut command = Command::new("sh");
    command
        .arg("../../deploy/entrypoint.sh")
        .args(args)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap());
    // In place of the server: a program that prints its arguments.
    command.env("OMNIGRAPH_SERVER_BIN", "echo").envs(env.iter().copied());
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_environment_says_what_to_serve() {
    let (uri, config, target) =
        (("OMNIGRAPH_TARGET_URI", "s3://b/g"), ("OMNIGRAPH_CONFIG", "c.yaml"), ("OMNIGRAPH_TARGET", "atlas"));
    let cluster = ("OMNIGRAPH_CLUSTER", "s3://b/cluster");
    let served: [(&[(&str, &str)], &str); 6] = [
        (&[uri], "s3://b/g --bind 0.0.0.0:8080"),
        (&[uri, config], "s3://b/g --config c.yaml --bind 0.0.0.0:8080"),
        (&[config], "--config c.yaml --bind 0.0.0.0:8080"),
        (&[config, target], "--config c.yaml --target atlas --bind 0.0.0.0:8080"),
        (&[cluster], "--cluster s3://b/cluster --bind 0.0.0.0:8080"),
        (&[uri, ("OMNIGRAPH_BIND", "[::]:9")], "s3://b/g --bind [::]:9"),
    ];
    for (env, expected) in served {
        assert_eq!(entry(&[], env), (Some(0), expected.to_owned(), String::new()), "{env:?}");
    }
    assert_eq!(
        entry(&["g", "--unauthenticated"], &[uri]),
        (Some(0), "g --unauthenticated".to_owned(), String::new())
    );
    for env in [&[][..], &[target], &[cluster, uri], &[cluster, config], &[cluster, target]] {
        let (code, stdout, stderr) = entry(&[], env);
        assert_eq!((code, stdout.as_str()), (Some(64), ""), "{env:?}");
        assert!(stderr.contains("OMNIGRAPH_CLUSTER") && stderr.contains("OMNIGRAPH_CONFIG"), "{stderr}");
    }
}
