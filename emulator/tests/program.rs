//! The program as it is started from a shell.

mod support;

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use emulator_api::{Functions, ReadyLines, paths};
use support::{SOON, TemplateFile, client, eventually, fixtures, is_alive};

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
        .args(["--port", "0", "--aws-port", "0", "--template"])
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

/// An emulator that runs until it is stopped, or the test ends in any way.
struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    fn start(file: &TemplateFile) -> Running {
        Running::of(emulator(file))
    }

    fn of(mut command: Command) -> Running {
        let mut child = command.spawn().expect("the emulator");
        let output = child.stdout.take().expect("a pipe");
        let (sender, lines) = channel();
        // Ends with the emulator, or when the receiver is gone.
        thread::spawn(move || {
            let lines = BufReader::new(output).lines().map_while(Result::ok);
            lines
                .take_while(|line| sender.send(line.clone()).is_ok())
                .for_each(drop);
        });
        Running { child, lines }
    }

    /// Reads its lines until one contains this.
    fn read_until(&self, wanted: &str) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        while !lines.last().is_some_and(|line| line.contains(wanted)) {
            match self.lines.recv_timeout(SOON) {
                Ok(line) => lines.push(line),
                Err(error) => panic!("it printed no {wanted:?} ({error}), only {lines:?}"),
            }
        }
        lines
    }

    /// Waits for its end.
    async fn ended(&mut self) -> ExitStatus {
        eventually("the emulator's end", async || {
            self.child.try_wait().expect("a child")
        })
        .await
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn pid_of_the_function(ready: &ReadyLines) -> u64 {
    let functions = format!("{}{}", ready.aws_url, paths::FUNCTIONS);
    let report = client().get(functions).send().await.expect("an answer");
    let report: Functions = report.json().await.expect("the functions");
    report.functions[0].pids[0].into()
}

/// The places that the emulator names among these lines.
fn ready(lines: &[String]) -> ReadyLines {
    ReadyLines::find(&(lines.join("\n") + "\n")).expect("the ready lines")
}

#[tokio::test]
async fn a_signal_stops_everything() {
    for signal in ["-INT", "-TERM"] {
        let file = TemplateFile::new(TEMPLATE);
        let mut emulator = Running::start(&file);
        let lines = emulator.read_until("curl -s");
        let ready = ready(&lines);
        let example = lines.last().expect("a line").trim().to_owned();
        assert_eq!(example, format!("curl -s {}/echo", ready.api_url));
        let example = example.trim_start_matches("curl -s ");
        let response = client().get(example).send().await;
        assert_eq!(response.expect("an answer").status(), 200);
        let pid = pid_of_the_function(&ready).await;
        assert!(is_alive(pid));
        let killed = Command::new("kill")
            .args([signal, &emulator.child.id().to_string()])
            .status();
        assert!(killed.expect("kill").success());
        let status = emulator.ended().await;
        assert!(status.success(), "{signal}: {status}");
        assert!(!is_alive(pid), "{signal}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn functions_do_not_outlive_a_killed_emulator() {
    let file = TemplateFile::new(TEMPLATE);
    let mut emulator = Running::start(&file);
    let lines = emulator.read_until("curl -s");
    let ready = ready(&lines);
    let echo = format!("{}/echo", ready.api_url);
    client().get(echo).send().await.expect("an answer");
    let pid = pid_of_the_function(&ready).await;
    emulator.child.kill().expect("killed");
    emulator.ended().await;
    eventually("the function's end", async || {
        (!is_alive(pid)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn log_lines_are_printed_unless_it_is_quiet_and_the_data_is_announced_as_temporary() {
    let file = TemplateFile::new(TEMPLATE);
    for quiet in [false, true] {
        let mut command = emulator(&file);
        command.args(quiet.then_some("--quiet"));
        let mut emulator = Running::of(command);
        let lines = emulator.read_until("curl -s");
        let forgets = |line: &String| line.contains("tables and queues are forgotten");
        assert!(lines.iter().any(forgets), "{lines:?}");

        let ready = ready(&lines);
        let echo = format!("{}/echo", ready.api_url);
        client().get(echo).send().await.expect("an answer");
        let logs = format!("{}{}", ready.aws_url, paths::LOGS);
        eventually("the function's line", async || {
            let logs = client().get(&logs).send().await.expect("an answer");
            let logs = logs.text().await.expect("text");
            logs.contains("hello from").then_some(())
        })
        .await;
        emulator.child.kill().expect("killed");
        emulator.ended().await;
        let printed = emulator
            .lines
            .iter()
            .any(|line| line.contains("hello from"));
        assert_eq!(printed, !quiet);
    }
}

#[test]
fn a_taken_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    for (flag, other) in [("--port", "--aws-port"), ("--aws-port", "--port")] {
        let file = TemplateFile::new(TEMPLATE);
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

        // The template's mistakes come first: another port would not mend them.
        let wrong = TEMPLATE.replace("Method: GET", "Method: [GET]");
        std::fs::write(&file.0, wrong).expect("the template is written");
        let complaint = self::complaint(&command.output().expect("the emulator"));
        assert!(
            !complaint.contains("in use") && complaint.contains("expected"),
            "{complaint}"
        );
        let output = command.args(["--param", "Nothing=1"]).output();
        let complaint = self::complaint(&output.expect("the emulator"));
        assert!(
            !complaint.contains("in use") && complaint.contains("Nothing"),
            "{complaint}"
        );
    }
}

/// The flag's name from before, which scripts use.
#[test]
fn the_aws_port_has_an_old_name() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let file = TemplateFile::new(TEMPLATE);
    let mut command = Command::new(env!("CARGO_BIN_EXE_emulator"));
    command
        .args(["--port", "0", "--edge-port", &port, "--template"])
        .arg(&file.0);
    let complaint = complaint(&command.output().expect("the emulator"));
    let wanted = format!("port {port} is in use");
    assert!(complaint.contains(&wanted), "{complaint}");
}

#[test]
fn mistakes_are_reported_in_a_line() {
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
