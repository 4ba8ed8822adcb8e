//! The language server as a program of its own. `dockmend lsp` is the same server.

fn main() -> std::io::Result<()> {
    dockmend_lsp::serve()
}
