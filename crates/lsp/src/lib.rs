//! The language server: diagnostics and code actions for Dockerfiles, over standard input and output.
//!
//! It has no rule. What it shows was found by `dockmend-core`, and every edit it offers has passed the gate there, so that
//! an editor, the command line and the library make the same edit of the same text.
//!
//! | module | what it is |
//! |---|---|
//! | `front` | the protocol's methods; the only file that names the framework |
//! | `client` | what the editor has declared that it can do: answers are built from that |
//! | `documents` | the open documents, and positions in them |
//! | `world` | everything the server knows at one moment, as a value that requests work on |
//! | `around` | what lies around a document: its configuration, its build context, its neighbours |
//! | `diagnostics` | findings, as an editor shows them |
//! | `actions` | fixes, as an editor offers them |
//! | `edits` | changes of files, in the form that the editor takes |
//! | `outline` | stages and instructions, and what is in effect at one |
//!
//! **Order.** A handler changes the state before its first `await`, so that changes are made in the order in which they
//! arrive. What takes time works on a snapshot, on a thread of its own, and a newer text makes its result void.

mod actions;
mod around;
mod client;
mod diagnostics;
mod documents;
mod edits;
mod front;
mod outline;
mod world;

/// Deeply nested shell texts are read by recursion; the default of 2 MiB a thread is narrow for generated files.
const STACK: usize = 16 * 1024 * 1024;

/// Serves one editor over standard input and output, until it says `exit` or goes away.
///
/// # Errors
/// The threads that serve cannot be started.
pub fn serve() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .thread_stack_size(STACK)
        .max_blocking_threads(4)
        .enable_all()
        .build()?;
    runtime.block_on(front::serve());
    // A computation that nobody waits for any more need not end first.
    runtime.shutdown_background();
    Ok(())
}
