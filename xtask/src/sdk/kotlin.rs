//! `sdks/kotlin` as programs in Kotlin have it: a jar over Java's, its tests, the vectors that ask by what it adds, and
//! the program of its README.
//!
//! Invariant: the compiler is Maven's, at a pinned version, in the folder of tools.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use super::{
    jvm::{Jvm, section},
    languages::{Ran, Setting},
};
use crate::{step, tools};

const SOURCE: &str = "sdks/kotlin";
const POM: &str = include_str!("../../tools/kotlin.xml");

/// What programs in Kotlin need at run time, of what is fetched.
const RUNTIME: [&str; 2] = ["kotlin-stdlib-", "kotlinx-coroutines-core-jvm-"];

/// A compiler, and Java's part.
struct Kotlin {
    jvm: Jvm,
    source: PathBuf,
    /// The jars that Maven fetched.
    libraries: PathBuf,
}

pub(super) fn test(setting: &Setting<'_>) -> Result<Ran> {
    let kotlin = Kotlin::install(setting.root, setting.tools)?;
    let jar = kotlin.jar()?;
    let java_tests = kotlin.jvm.compile_programs()?;
    let classes = kotlin.compile_programs(&[&jar, &java_tests])?;
    let path = [jar, java_tests, classes];
    let mut tests = kotlin.java(&path)?;
    tests.arg("com.headwater.kotlin.test.TestsKt").current_dir(setting.root);
    step::run_quietly("tests in Kotlin", &mut tests)?;
    kotlin.run_example(&path)?;
    let mut vectors = kotlin.java(&path)?;
    vectors.arg("com.headwater.kotlin.test.VectorsKt").arg(setting.root.join("sdks/conformance/vectors"));
    let program = |name: &str| {
        let mut java = kotlin.java(&path)?;
        java.arg(name);
        Ok::<_, anyhow::Error>(java)
    };
    Ok(Ran {
        vectors: setting.vectors("Kotlin", &mut vectors)?,
        page: program("PageKt")?,
        flush: program("FlushKt")?,
        login: program("LoginKt")?,
    })
}

impl Kotlin {
    fn install(root: &Path, tools: &Path) -> Result<Self> {
        let home = tools.join("kotlin");
        tools::once(&home, POM, |home| {
            let pom = home.join("pom.xml");
            fs::write(&pom, POM)?;
            let mut maven = Command::new("mvn");
            maven.args(["-q", "-B", "-f"]).arg(&pom).args(["dependency:copy-dependencies", "-DincludeScope=runtime"]);
            maven.arg(format!("-DoutputDirectory={}", home.join("libs").display()));
            step::run_quietly("fetch the compiler of Kotlin with Maven", &mut maven)
        })?;
        let jvm = Jvm::build(root, false)?;
        Ok(Self { jvm, source: root.join(SOURCE), libraries: home.join("libs") })
    }

    /// The jar of the SDK.
    fn jar(&self) -> Result<PathBuf> {
        let classes = self.jvm.empty("kotlin-classes")?;
        let mut compile = self.compiler("headwater-kotlin", &classes, &[])?;
        step::run_quietly("compile Kotlin", compile.arg(self.source.join("src")))?;
        self.jvm.archive("headwater-kotlin.jar", &classes)
    }

    /// Compiles the tests, the examples and the program of the README: where they are.
    fn compile_programs(&self, with: &[&PathBuf]) -> Result<PathBuf> {
        let classes = self.jvm.empty("kotlin-test-classes")?;
        let program = self.jvm.empty("kotlin-example")?.join("Till.kt");
        fs::write(&program, section(&self.readme()?, "kotlin")?).context("cannot write Till.kt")?;
        let mut compile = self.compiler("headwater-kotlin-test", &classes, with)?;
        compile.arg(self.source.join("test")).arg(self.source.join("examples")).arg(&program);
        step::run_quietly("compile the tests in Kotlin", &mut compile)?;
        Ok(classes)
    }

    fn compiler(&self, module: &str, into: &Path, with: &[&PathBuf]) -> Result<Command> {
        let mut compiler = self.jvm.bare_java();
        compiler.arg("-cp").arg(format!("{}/*", self.libraries.display()));
        compiler.arg("org.jetbrains.kotlin.cli.jvm.K2JVMCompiler");
        compiler.args(["-no-stdlib", "-no-reflect", "-Werror", "-jvm-target", "11", "-Xjdk-release=11"]);
        compiler.args(["-module-name", module]).arg("-d").arg(into).arg("-cp").arg(self.class_path(with)?);
        Ok(compiler)
    }

    /// Java's jar, what runs Kotlin, and these.
    fn class_path(&self, with: &[&PathBuf]) -> Result<String> {
        let mut path = vec![self.jvm.jar().display().to_string()];
        let fetched =
            fs::read_dir(&self.libraries).with_context(|| format!("cannot list {}", self.libraries.display()))?;
        for library in fetched {
            let library = library?;
            let name = library.file_name();
            if RUNTIME.iter().any(|it| name.to_string_lossy().starts_with(it)) {
                path.push(library.path().display().to_string());
            }
        }
        path.extend(with.iter().map(|it| it.display().to_string()));
        Ok(path.join(":"))
    }

    /// A JVM with both jars and these classes.
    fn java(&self, with: &[PathBuf]) -> Result<Command> {
        let mut java = self.jvm.bare_java();
        java.arg("-cp").arg(self.class_path(&with.iter().collect::<Vec<_>>())?);
        Ok(java)
    }

    fn readme(&self) -> Result<String> {
        fs::read_to_string(self.source.join("README.md")).context("cannot read sdks/kotlin/README.md")
    }

    fn run_example(&self, path: &[PathBuf]) -> Result<()> {
        let folder = self.jvm.empty("kotlin-example")?;
        let ran = self.java(path)?.arg("TillKt").current_dir(&folder).stdin(Stdio::null()).output()?;
        let said = String::from_utf8_lossy(&ran.stdout).into_owned();
        let complaint = String::from_utf8_lossy(&ran.stderr).into_owned();
        let is_said = said == section(&self.readme()?, "text")?;
        ensure!(is_said, "the program of sdks/kotlin/README.md says {said:?} {complaint}");
        Ok(())
    }
}
