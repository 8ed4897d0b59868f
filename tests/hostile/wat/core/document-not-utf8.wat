;; roles: agent
;; Hands in a document of bytes that are no text.
(data (i32.const 1024) "\00\00\00\00\01\00\00\00\00\08\00\00\04\00\00\00")
(data (i32.const 2048) "\ff\fe\c0\80")
(func $misbehave (call $forge (i32.const 1024)))
