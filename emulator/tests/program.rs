//! The program as it is started from a shell.

mod support;

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};
use std::time::Instant;

use serde_json::Value;
use support::{SOON, TemplateFile, eventually, fixtures, is_alive};

const TEMPLATE: &str = "
Resources:
  Echo:
    Type: AWS::Serverless::Function
    Metadata: {BuildProperties: {Binary: fixture}}
    Properties:
      Runtime: provided.al2023
      Events:
        Any: {Type: HttpApi, Properties: {Path: /echo, Method: GET}}
";

fn emulator(file: &TemplateFile) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_emulator"));
    command
        .args(["--port", "0", "--edge-port", "0", "--template"])
        .arg(&file.0)
        .arg("--binaries")
        .arg(fixtures())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn complaint(output: &Output) -> String {
    assert!(!output.status.success(), "it should have failed");
    String::from_utf8(output.stderr.clone()).expect("text")
}

/// Reads what the program says until it says this.
fn read_until(child: &mut Child, wanted: &str) -> Vec<String> {
    let output = child.stdout.as_mut().expect("a pipe");
    let mut lines = Vec::new();
    let begun = Instant::now();
    for line in BufReader::new(output).lines() {
        lines.push(line.expect("text"));
        if lines.last().is_some_and(|line| line.contains(wanted)) {
            return lines;
        }
        assert!(begun.elapsed() < SOON, "it only said {lines:?}");
    }
    panic!("it ended after {lines:?}");
}

fn url(lines: &[String], name: &str) -> String {
    let line = lines
        .iter()
        .find(|line| line.trim_start().starts_with(name))
        .expect("a line");
    let url = line
        .split_whitespace()
        .find(|word| word.starts_with("http://"));
    url.expect("a URL").to_owned()
}

#[tokio::test]
async fn a_signal_stops_everything() {
    for signal in ["-INT", "-TERM"] {
        let file = TemplateFile::new(TEMPLATE);
        let mut child = emulator(&file).spawn().expect("the emulator");
        let lines = read_until(&mut child, "curl -s");
        let example = lines.last().expect("a line").trim().to_owned();
        assert_eq!(example, format!("curl -s {}/echo", url(&lines, "HTTP API")));
        let http = reqwest::Client::new();
        let response = http
            .get(example.trim_start_matches("curl -s "))
            .send()
            .await;
        assert_eq!(response.expect("an answer").status(), 200);
        let functions = format!("{}/_local/functions", url(&lines, "AWS edge"));
        let report: Value = http
            .get(functions)
            .send()
            .await
            .expect("an answer")
            .json()
            .await
            .expect("JSON");
        let pid = report["functions"][0]["pids"][0].as_u64().expect("a pid");
        assert!(is_alive(pid));
        let killed = Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status();
        assert!(killed.expect("kill").success());
        let status = child.wait().expect("an end");
        assert!(status.success(), "{signal}: {status}");
        assert!(!is_alive(pid), "{signal}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn functions_do_not_outlive_a_killed_emulator() {
    let file = TemplateFile::new(TEMPLATE);
    let mut child = emulator(&file).spawn().expect("the emulator");
    let lines = read_until(&mut child, "curl -s");
    let http = reqwest::Client::new();
    http.get(format!("{}/echo", url(&lines, "HTTP API")))
        .send()
        .await
        .expect("an answer");
    let functions = format!("{}/_local/functions", url(&lines, "AWS edge"));
    let report: Value = http
        .get(functions)
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    let pid = report["functions"][0]["pids"][0].as_u64().expect("a pid");
    child.kill().expect("killed");
    child.wait().expect("an end");
    eventually("the function's end", async || {
        (!is_alive(pid)).then_some(())
    })
    .await;
}

#[test]
fn a_taken_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    for flag in ["--port", "--edge-port"] {
        let file = TemplateFile::new(TEMPLATE);
        let other = if flag == "--port" {
            "--edge-port"
        } else {
            "--port"
        };
        let mut command = Command::new(env!("CARGO_BIN_EXE_emulator"));
        command
            .args([flag, &port, other, "0", "--template"])
            .arg(&file.0);
        let output = command.output().expect("the emulator");
        let complaint = complaint(&output);
        assert!(
            complaint.contains(&format!("port {port} is in use")),
            "{complaint}"
        );
        assert!(complaint.contains(flag), "{complaint}");
    }
}

#[test]
fn mistakes_are_told_in_a_line() {
    let unknown = TemplateFile::new(
        "Resources:\n  F:\n    Type: AWS::SQS::Queue\n    Properties: {VisibilityTimeout: !Foo x}\n",
    );
    let missing = TemplateFile::new(&TEMPLATE.replace("fixture", "no-such-binary"));
    let nowhere = TemplateFile(std::env::temp_dir().join("no-such-template.yaml"));
    let good = TemplateFile::new(TEMPLATE);
    for (file, arguments, wanted) in [
        (
            &unknown,
            &[][..],
            "4:37: expected an intrinsic function that the emulator knows, found `Fn::Foo`",
        ),
        (&missing, &[], "no-such-binary is not there"),
        (&nowhere, &[], "can't read the template"),
        (
            &good,
            &["--param", "Size=1"],
            "--param Size: the template has no parameters",
        ),
        (&good, &["--param", "Size"], "expected KEY=VALUE"),
    ] {
        let output = emulator(file)
            .args(arguments)
            .output()
            .expect("the emulator");
        let complaint = complaint(&output);
        assert!(
            complaint.contains(wanted),
            "expected {wanted:?} in {complaint:?}"
        );
        assert!(
            !complaint.contains("panicked") && !complaint.contains("stack backtrace"),
            "{complaint}"
        );
    }
}
