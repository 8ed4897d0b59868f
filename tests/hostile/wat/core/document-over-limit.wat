;; roles: agent
;; Hands in a document of one byte more than 64 KiB.
(data (i32.const 1024) "\00\00\00\00\01\00\00\00\00\00\20\00\01\00\01\00")
(func $misbehave (call $forge (i32.const 1024)))
