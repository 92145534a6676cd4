//! `cargo xtask tools`: the real clients that the tests talk to, at pinned versions, below `target/tools`.
//!
//! Invariants: what is there at the right version is left alone (a second run takes well under a
//! second); what is half installed after an interruption is installed again; nothing outside
//! `target/tools` changes but Debian packages, and those only as root.
//! Not here: Rust itself (`rust-toolchain.toml`), and which test uses what.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::step;

/// The oldest Java that every tool runs on: Kafka 4's command-line tools need 17.
const JAVA_MIN: u32 = 17;

/// One program of the machine: how to see that it is there, and where it comes from.
struct Program {
    name: &'static str,
    probe: &'static [&'static str],
    debian_package: &'static str,
    purpose: &'static str,
}

const PROGRAMS: [Program; 25] = [
    program("bash", &["--version"], "bash", "runs the page's script"),
    program("cmake", &["--version"], "cmake", "installs the C++ SDK, and builds a project that finds it"),
    program(
        "g++",
        &["-M", "-include", "nlohmann/json.hpp", "-x", "c++", "/dev/null"],
        "nlohmann-json3-dev",
        "compiles apps in C++ of the vendor's, whose values are those of nlohmann::json",
    ),
    program("pkg-config", &["--version"], "pkg-config", "finds the C++ SDK that was installed"),
    program("pkg-config", &["--exists", "openssl"], "libssl-dev", "has the headers that librdkafka's TLS needs"),
    program("curl", &["--version"], "curl", "runs the page's cURL"),
    program("chromium", &["--version"], "chromium", "looks at the portal as its readers do"),
    program("chromedriver", &["--version"], "chromium-driver", "lets the tests drive Chromium"),
    program("g++", &["--version"], "g++", "compiles the driver of the C ABI, and its example"),
    program("go", &["version"], "golang-go", "compiles the SDK for Go"),
    program("java", &["-version"], "openjdk-17-jre-headless", "runs Kafka's own tools (17 or newer)"),
    program("keytool", &["-help"], "openjdk-17-jre-headless", "reads the PKCS12 files as Java does"),
    program(
        "javac",
        &["-version"],
        "openjdk-17-jdk-headless",
        "compiles the SDK for Java, and what asks Kafka's own partitioner",
    ),
    program("make", &["--version"], "make", "builds librdkafka, for sinks into a Kafka"),
    program("mvn", &["-v"], "maven", "fetches Kafka's own tools"),
    program("jq", &["--version"], "jq", "is used by the guides"),
    program("kcat", &["-V"], "kcat", "a librdkafka client"),
    program("mcs", &["--version"], "mono-mcs", "compiles the SDK for C#"),
    program("mono", &["--version"], "mono-runtime", "runs the SDK for C# and its tests"),
    program("openssl", &["version"], "openssl", "reads the certificates as OpenSSL does"),
    program(
        "npm",
        &["--version"],
        "npm",
        "fetches kafkajs, SQLite for Node.js, axe-core and TypeScript (with Node.js)",
    ),
    program(
        "python3",
        &["-c", "import venv, ensurepip"],
        "python3-venv",
        "runs the Kafka clients in Python (with the module venv)",
    ),
    program("script", &["--version"], "bsdutils", "is the terminal that a start screen is printed to"),
    program("sqlite3", &["--version"], "sqlite3", "shows the copies that the examples keep"),
    program("strace", &["-V"], "strace", "kills the server at the system call that a test names"),
];

const fn program(
    name: &'static str,
    probe: &'static [&'static str],
    debian_package: &'static str,
    purpose: &'static str,
) -> Program {
    Program { name, probe, debian_package, purpose }
}

/// One Apache Kafka: its folder in `target/tools`, what Maven fetches, and which class is behind which script.
struct Kafka {
    folder: &'static str,
    pom: &'static str,
    scripts: &'static [(&'static str, &'static str)],
    /// Whether its broker is there too, for the crate `real-kafka`.
    has_broker: bool,
}

const KAFKAS: [Kafka; 2] = [
    Kafka {
        folder: "kafka_2.13-3.1.0",
        pom: include_str!("../tools/kafka-3.1.0.xml"),
        scripts: &[
            ("kafka-acls.sh", "kafka.admin.AclCommand"),
            ("kafka-configs.sh", "kafka.admin.ConfigCommand"),
            ("kafka-console-consumer.sh", "kafka.tools.ConsoleConsumer"),
            ("kafka-consumer-groups.sh", "kafka.admin.ConsumerGroupCommand"),
            ("kafka-consumer-perf-test.sh", "kafka.tools.ConsumerPerformance"),
            ("kafka-features.sh", "kafka.admin.FeatureCommand"),
            ("kafka-log-dirs.sh", "kafka.admin.LogDirsCommand"),
            ("kafka-reassign-partitions.sh", "kafka.admin.ReassignPartitionsCommand"),
            ("kafka-topics.sh", "kafka.admin.TopicCommand"),
        ],
        has_broker: false,
    },
    Kafka {
        folder: "kafka_2.13-4.3.1",
        pom: include_str!("../tools/kafka-4.3.1.xml"),
        scripts: &[
            ("connect-distributed.sh", "org.apache.kafka.connect.cli.ConnectDistributed"),
            ("connect-mirror-maker.sh", "org.apache.kafka.connect.mirror.MirrorMaker"),
            ("connect-standalone.sh", "org.apache.kafka.connect.cli.ConnectStandalone"),
            ("kafka-acls.sh", "org.apache.kafka.tools.AclCommand"),
            ("kafka-broker-api-versions.sh", "org.apache.kafka.tools.BrokerApiVersionsCommand"),
            ("kafka-configs.sh", "kafka.admin.ConfigCommand"),
            ("kafka-console-consumer.sh", "org.apache.kafka.tools.consumer.ConsoleConsumer"),
            ("kafka-console-producer.sh", "org.apache.kafka.tools.ConsoleProducer"),
            ("kafka-consumer-groups.sh", "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"),
            ("kafka-consumer-perf-test.sh", "org.apache.kafka.tools.ConsumerPerformance"),
            ("kafka-delete-records.sh", "org.apache.kafka.tools.DeleteRecordsCommand"),
            ("kafka-features.sh", "org.apache.kafka.tools.FeatureCommand"),
            ("kafka-get-offsets.sh", "org.apache.kafka.tools.GetOffsetShell"),
            ("kafka-groups.sh", "org.apache.kafka.tools.GroupsCommand"),
            ("kafka-leader-election.sh", "org.apache.kafka.tools.LeaderElectionCommand"),
            ("kafka-log-dirs.sh", "org.apache.kafka.tools.LogDirsCommand"),
            ("kafka-producer-perf-test.sh", "org.apache.kafka.tools.ProducerPerformance"),
            ("kafka-reassign-partitions.sh", "org.apache.kafka.tools.reassign.ReassignPartitionsCommand"),
            ("kafka-topics.sh", "org.apache.kafka.tools.TopicCommand"),
            ("kafka-transactions.sh", "org.apache.kafka.tools.TransactionsCommand"),
        ],
        has_broker: true,
    },
];

const NODE_MODULES: &str = include_str!("../tools/package.json");
const PYTHON_PACKAGES: &str = include_str!("../tools/requirements.txt");

/// Where the tools are. Tests find it by the environment variable `HEADWATER_TOOLS`, or here when that is not set.
pub(crate) fn directory(root: &Path) -> PathBuf {
    std::env::var_os("HEADWATER_TOOLS").map_or_else(|| root.join("target/tools"), |it| root.join(it))
}

/// Installs whatever is missing; the folder of the tools, or an error that says what is missing and how to get it.
pub(crate) fn install(root: &Path) -> Result<PathBuf> {
    let into = directory(root);
    step::say(&format!("tools: real clients in {}", into.display()));
    fs::create_dir_all(&into).with_context(|| format!("cannot make {}", into.display()))?;
    install_programs()?;
    install_fonts();
    for kafka in &KAFKAS {
        install_kafka(&into, kafka)?;
    }
    install_node_modules(&into)?;
    install_python(&into)?;
    Ok(into)
}

/// Fonts for what the screenshots of the portal show of other scripts and of emoji: the smallest
/// that have them. Without them those are boxes, and nothing fails.
const FONTS: [(&str, &str); 2] = [
    ("fonts-droid-fallback", "/usr/share/fonts-droid-fallback/truetype/DroidSansFallback.ttf"),
    ("fonts-noto-color-emoji", "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"),
];

fn install_fonts() {
    let missing: Vec<_> = FONTS.iter().filter(|(_, file)| !Path::new(file).exists()).map(|(name, _)| *name).collect();
    if missing.is_empty() || !can_install() {
        return;
    }
    let mut apt = Command::new("apt-get");
    apt.args(["install", "-y", "-qq", "--no-install-recommends"]).args(&missing);
    let done = step::run_quietly("apt-get install fonts", apt.env("DEBIAN_FRONTEND", "noninteractive"));
    if done.is_err() {
        step::say("tools: no fonts for other scripts and emoji: screenshots show boxes for them");
    }
}

/// Whether Debian packages can be installed.
fn can_install() -> bool {
    let is_root = step::answer("id", &["-u"]).is_some_and(|uid| uid.trim() == "0");
    is_root && step::answer("apt-get", &["--version"]).is_some()
}

fn install_programs() -> Result<()> {
    let missing = missing_programs();
    if missing.is_empty() {
        return Ok(());
    }
    let mut packages: Vec<_> = missing.iter().map(|program| program.debian_package).collect();
    packages.dedup();
    if can_install() {
        step::run_quietly("apt-get update", Command::new("apt-get").args(["update", "-qq"]))?;
        let mut apt = Command::new("apt-get");
        apt.args(["install", "-y", "-qq", "--no-install-recommends"]).args(&packages);
        step::run_quietly(
            &format!("apt-get install {}", packages.join(" ")),
            apt.env("DEBIAN_FRONTEND", "noninteractive"),
        )?;
    }
    let missing = missing_programs();
    if missing.is_empty() {
        return Ok(());
    }
    let lines: Vec<_> = missing.iter().map(|it| format!("  {:8} {}", it.name, it.purpose)).collect();
    bail!(
        "the tests with real clients need programs that are not here:\n{}\nOn Debian or Ubuntu: apt-get install {}",
        lines.join("\n"),
        packages.join(" ")
    );
}

fn missing_programs() -> Vec<&'static Program> {
    PROGRAMS
        .iter()
        .filter(|program| match step::answer(program.name, program.probe) {
            Some(said) if program.name == "java" => java_version(&said).is_none_or(|version| version < JAVA_MIN),
            Some(_) => false,
            None => true,
        })
        .collect()
}

/// The major version in what `java -version` prints: `openjdk version "17.0.15" 2025-04-15`, or `"1.8.0_452"` for 8.
fn java_version(said: &str) -> Option<u32> {
    let quoted = said.split('"').nth(1)?;
    let mut numbers = quoted.split(['.', '_', '-', '+']).map_while(|number| number.parse().ok());
    match numbers.next()? {
        1 => numbers.next(),
        major => Some(major),
    }
}

fn install_kafka(tools: &Path, kafka: &Kafka) -> Result<()> {
    let home = tools.join(kafka.folder);
    let scripts: String = kafka.scripts.iter().map(|(name, class)| format!("{name} {}", script(class))).collect();
    once(&home, &format!("{}{scripts}", kafka.pom), |home| {
        let pom = home.join("pom.xml");
        fs::write(&pom, kafka.pom)?;
        let mut maven = Command::new("mvn");
        maven.args(["-q", "-B", "-f"]).arg(&pom).args(["dependency:copy-dependencies", "-DincludeScope=runtime"]);
        maven.arg(format!("-DoutputDirectory={}", home.join("libs").display()));
        step::run_quietly(&format!("fetch {} with Maven", kafka.folder), &mut maven)?;
        fs::create_dir_all(home.join("bin"))?;
        for (name, class) in kafka.scripts {
            write_executable(&home.join("bin").join(name), &script(class))?;
        }
        if kafka.has_broker { format_broker(home) } else { Ok(()) }
    })
}

/// Makes the empty folder of data that a broker begins with, which each broker of a test gets a copy of: it takes Kafka
/// seconds to make one.
fn format_broker(home: &Path) -> Result<()> {
    let properties = home.join("format.properties");
    let data = home.join("formatted");
    let text = format!(
        "process.roles=broker,controller\nnode.id=1\ncontroller.listener.names=CONTROLLER\n\
         listeners=PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093\n\
         controller.quorum.voters=1@127.0.0.1:9093\nlog.dirs={}\n",
        data.display()
    );
    fs::write(&properties, text).with_context(|| format!("cannot write {}", properties.display()))?;
    let mut format = Command::new("java");
    format.arg("-cp").arg(format!("{}/*", home.join("libs").display()));
    format.args(["kafka.tools.StorageTool", "format", "--cluster-id", BROKER_CLUSTER, "--config"]).arg(&properties);
    step::run_quietly("format a folder for Kafka's broker", &mut format)
}

/// Any id does: 16 bytes as base64url.
const BROKER_CLUSTER: &str = "aGVhZHdhdGVyLXRlc3RzLQ";

/// What Kafka's own script of that name does: the class, with every jar of the distribution.
fn script(class: &str) -> String {
    let lines = [
        "#!/bin/bash",
        "# As Kafka's own script of this name: its class, with the jars that Maven fetched.",
        "home=$(cd \"$(dirname \"$0\")/..\" && pwd)",
        &format!("exec java ${{KAFKA_HEAP_OPTS:--Xmx512M}} $KAFKA_OPTS -cp \"$home/libs/*\" {class} \"$@\""),
    ];
    lines.join("\n") + "\n"
}

fn install_node_modules(tools: &Path) -> Result<()> {
    once(&tools.join("node"), NODE_MODULES, |home| {
        fs::write(home.join("package.json"), NODE_MODULES)?;
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"]).current_dir(home);
        step::run_quietly("fetch kafkajs, SQLite for Node.js, axe-core and TypeScript with npm", &mut npm)
    })
}

fn install_python(tools: &Path) -> Result<()> {
    once(&tools.join("python"), PYTHON_PACKAGES, |home| {
        step::run_quietly("make a Python environment", Command::new("python3").args(["-m", "venv"]).arg(home))?;
        let packages = home.join("requirements.txt");
        fs::write(&packages, PYTHON_PACKAGES)?;
        let mut pip = Command::new(home.join("bin/pip"));
        pip.args(["install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:", "-r"]).arg(packages);
        step::run_quietly("fetch confluent-kafka, aiokafka and kafka-python with pip", &mut pip)
    })
}

/// Fills a folder, unless it was filled for the same recipe before. The recipe is written last, so
/// that a half-filled folder, or one of an older recipe, is emptied and filled again.
pub(crate) fn once(home: &Path, recipe: &str, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let stamp = home.join(".recipe");
    if fs::read_to_string(&stamp).is_ok_and(|it| it == recipe) {
        return Ok(());
    }
    if home.exists() {
        fs::remove_dir_all(home).with_context(|| format!("cannot empty {}", home.display()))?;
    }
    fs::create_dir_all(home).with_context(|| format!("cannot make {}", home.display()))?;
    fill(home)?;
    fs::write(&stamp, recipe).with_context(|| format!("cannot write {}", stamp.display()))
}

fn write_executable(path: &Path, text: &str) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn java_versions_old_and_new() {
        assert_eq!(java_version("openjdk version \"17.0.15\" 2025-04-15"), Some(17));
        assert_eq!(java_version("java version \"1.8.0_452\""), Some(8));
        assert_eq!(java_version("openjdk version \"25-ea\""), Some(25));
        assert_eq!(java_version("no java here"), None);
    }

    #[test]
    fn a_folder_is_filled_once_and_again_after_an_interruption() {
        let scratch = tempfile::tempdir().unwrap();
        let home = scratch.path().join("thing");
        let fill = |home: &Path| Ok(fs::write(home.join("file"), "whole")?);
        once(&home, "v1", fill).unwrap();
        once(&home, "v1", |_| panic!("filled already")).unwrap();
        once(&home, "v2", |_| bail!("the network went away")).unwrap_err();
        assert!(!home.join("file").exists(), "a new recipe starts from an empty folder");
        once(&home, "v2", fill).unwrap();
        assert!(home.join("file").exists());
    }
}
