;; roles: agent
;; Hands in a document of 16 MiB.
(data (i32.const 1024) "\00\00\00\00\01\00\00\00\00\00\20\00\00\00\00\01")
(func $misbehave
  ;; 24 MiB, within the limit.
  (drop (memory.grow (i32.const 384)))
  (call $forge (i32.const 1024)))
