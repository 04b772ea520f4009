//! Contract suites of storage: plain functions over `&Root`, run for every kind of root.

/// Makes one test per kind of root for each clause of a contract.
macro_rules! contract {
    ($($clause:ident),+ $(,)?) => {
        contract!(@for local_full [$($clause)+]);
        contract!(@for local_relaxed [$($clause)+]);
        contract!(@for memory [$($clause)+]);
        contract!(@for injected [$($clause)+]);
        contract!(@for s3 [$($clause)+]);
        contract!(@external [$($clause)+]);
    };
    (@external [$($clause:ident)+]) => {
        mod external {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $clause() {
                    if let Some(test) = crate::tests::roots::external().await {
                        super::$clause(&test.root).await;
                        test.empty().await;
                    }
                }
            )+
        }
    };
    (@for $kind:ident [$($clause:ident)+]) => {
        mod $kind {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $clause() {
                    let test = crate::tests::roots::$kind().await;
                    super::$clause(&test.root).await;
                }
            )+
        }
    };
}

#[cfg(feature = "failpoints")]
mod faults;
mod indexes;
mod objects;
mod reshape;
mod roots;
// Outside of `src`, because the scenarios of `tests/it` use it too.
#[path = "../tests/support/server.rs"]
mod server;
#[path = "../tests/support/skip.rs"]
mod skip;
mod tables;
mod upkeep;
