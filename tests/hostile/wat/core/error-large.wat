;; Fails with a text of 3 MiB.
(data (i32.const 1024) "\01\00\00\00\01\00\00\00\00\00\20\00\00\00\30\00")
(func $misbehave
  ;; 24 MiB, within the limit.
  (drop (memory.grow (i32.const 384)))
  (call $forge (i32.const 1024)))
