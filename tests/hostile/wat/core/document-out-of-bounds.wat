;; roles: agent
;; Hands in a document that is not in its memory.
(data (i32.const 1024) "\00\00\00\00\01\00\00\00\f0\ff\ff\7f\00\10\00\00")
(func $misbehave (call $forge (i32.const 1024)))
