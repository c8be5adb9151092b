-- Sets each field to its row unless it holds a newer one, by (event time, seq), the row's first 16 bytes.
-- KEYS[1]: the hash. ARGV[1]: '1' overwrites in any case. Then field, row, field, row, … Returns fields set.
-- Numbers are doubles here: exact for seq, and event times differ by at least a microsecond, which doubles tell.
local force = ARGV[1] == '1'
local call, unpacked = redis.call, struct.unpack
local fields = {}
for at = 2, #ARGV, 2 do
  fields[#fields + 1] = ARGV[at]
end
local old = call('HMGET', KEYS[1], unpack(fields))
local chosen = {}
for place, field in ipairs(fields) do
  local row, held = ARGV[2 * place + 1], old[place]
  local take = force or not held or #held < 16
  if not take then
    local time, seq = unpacked('<i8i8', row)
    local old_time, old_seq = unpacked('<i8i8', held)
    take = time > old_time or (time == old_time and seq >= old_seq)
  end
  if take then
    chosen[#chosen + 1] = field
    chosen[#chosen + 1] = row
  end
end
if #chosen > 0 then
  call('HSET', KEYS[1], unpack(chosen))
end
return #chosen / 2
