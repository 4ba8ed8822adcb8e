//! The gate is held to splits of Java and .NET by mutation: wrong ones are seeded into right ones, and each is rejected.

use dockmend_core::context::MemoryFiles;
use dockmend_core::model::BuildModel;
use dockmend_core::rewrite::gate;

/// Whether the gate lets a split through.
fn passes(files: &MemoryFiles, before: &str, after: &str) -> bool {
    gate::compare_stages(files, &BuildModel::of(before), &BuildModel::of(after)).is_ok()
}

fn all_mutants_are_rejected(files: &MemoryFiles, before: &str, after: &str, mutants: &[(&str, &str)]) {
    assert!(passes(files, before, after), "the right split passes:\n{after}");
    for (right, wrong) in mutants {
        let mutant = after.replacen(right, wrong, 1);
        assert_ne!(mutant, after, "`{right}` is in the text");
        assert!(!passes(files, before, &mutant), "let through:\n{mutant}");
    }
}

#[test]
fn wrong_splits_of_java_are_rejected() {
    let files = MemoryFiles::new([("pom.xml", ""), ("src/main/java/A.java", "")]);
    let before = "FROM maven:3-eclipse-temurin-17\nRUN useradd app\nWORKDIR /app\nENV A=b\nCOPY . .\nRUN mvn package\nUSER app\n\
        CMD [\"java\", \"-jar\", \"target/a.jar\"]\n";
    let after = "FROM maven:3-eclipse-temurin-17 AS build\nRUN useradd app\nWORKDIR /app\nENV A=b\nCOPY . .\nRUN mvn package\n\n\
        FROM eclipse-temurin:17-jre\nRUN useradd app\nWORKDIR /app\nENV A=b\n\
        COPY --from=build /app/target/a.jar /app/target/a.jar\nUSER app\nCMD [\"java\", \"-jar\", \"target/a.jar\"]\n";
    let mutants = [
        ("eclipse-temurin:17-jre\n", "eclipse-temurin:21-jre\n"),
        ("eclipse-temurin:17-jre\n", "eclipse-temurin:17-jre-alpine\n"),
        ("FROM eclipse-temurin:17-jre\n", "FROM openjdk:17\n"),
        ("jre\nRUN useradd app\n", "jre\n"),
        ("jre\nRUN useradd app\nWORKDIR /app\nENV A=b\n", "jre\nRUN useradd app\nWORKDIR /app\n"),
        ("jre\nRUN useradd app\nWORKDIR /app\n", "jre\nRUN useradd app\nWORKDIR /\n"),
        ("COPY --from=build /app/target/a.jar /app/target/a.jar\n", ""),
        ("/app/target/a.jar /app/target/a.jar", "/app/target/b.jar /app/target/b.jar"),
        ("/app/target/a.jar /app/target/a.jar", "/app/target/a.jar /app/a.jar"),
        ("\"target/a.jar\"]", "\"target/b.jar\"]"),
    ];
    all_mutants_are_rejected(&files, before, after, &mutants);
    // What may be looked for while the program runs has to come over.
    let settings = MemoryFiles::new([("pom.xml", ""), ("config/application.yml", "")]);
    assert!(!passes(&settings, before, after));
    // The entry point of a base that acts by its first argument is none to be swapped.
    let node = before.replace("maven:3-eclipse-temurin-17", "openjdk:17-jdk-slim");
    let split = after.replace("maven:3-eclipse-temurin-17", "openjdk:17-jdk-slim");
    assert!(!passes(&files, &node, &split));
}

#[test]
fn wrong_splits_of_dotnet_are_rejected() {
    let files = MemoryFiles::new([("App.csproj", ""), ("appsettings.json", "{}")]);
    let before = "FROM mcr.microsoft.com/dotnet/sdk:8.0\nWORKDIR /src\nCOPY . .\nRUN dotnet publish -o /app\nWORKDIR /app\n\
        ENTRYPOINT [\"dotnet\", \"App.dll\"]\n";
    let after = "FROM mcr.microsoft.com/dotnet/sdk:8.0 AS build\nWORKDIR /src\nCOPY . .\nRUN dotnet publish -o /app\n\n\
        FROM mcr.microsoft.com/dotnet/aspnet:8.0\nWORKDIR /src\nCOPY --from=build /app /app\nWORKDIR /app\n\
        ENTRYPOINT [\"dotnet\", \"App.dll\"]\n";
    let mutants = [
        ("aspnet:8.0\n", "aspnet:9.0\n"),
        ("aspnet:8.0\n", "aspnet:8.0-alpine\n"),
        ("dotnet/aspnet:8.0\n", "dotnet/runtime-deps:8.0\n"),
        ("COPY --from=build /app /app\n", ""),
        ("COPY --from=build /app /app\n", "COPY --from=build /src /src\n"),
        ("/app\nWORKDIR /app\n", "/app\n"),
    ];
    all_mutants_are_rejected(&files, before, after, &mutants);
    // A program that starts in the source may read its settings there.
    let inside = |text: &str| text.replace("WORKDIR /app\n", "").replace("\"App.dll\"", "\"/app/App.dll\"");
    assert!(!passes(&files, &inside(before), &inside(after)));
}
