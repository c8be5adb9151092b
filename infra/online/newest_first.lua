-- Sets each key to its row unless the key holds a newer one, by (event time, source offset).
-- KEYS: one a row. ARGV[1]: bytes a row. ARGV[2]: all rows. ARGV[3]: '1' overwrites in any case. Returns rows set.
-- Numbers are doubles here: exact for offsets, and event times differ by at least a microsecond, which doubles tell.
local width, rows, force = tonumber(ARGV[1]), ARGV[2], ARGV[3] == '1'
local call, unpacked, cut = redis.call, struct.unpack, string.sub
local chosen = {}
for place, key in ipairs(KEYS) do
  local at = (place - 1) * width
  local take = force
  if not take then
    local old = call('GETRANGE', key, 0, 15)
    if #old < 16 then
      take = true
    else
      local time, offset = unpacked('<i8i8', rows, at + 1)
      local old_time, old_offset = unpacked('<i8i8', old)
      take = time > old_time or (time == old_time and offset >= old_offset)
    end
  end
  if take then
    chosen[#chosen + 1] = key
    chosen[#chosen + 1] = cut(rows, at + 1, at + width)
  end
end
-- One command for all: a call from a script costs more than what it does.
if #chosen > 0 then
  call('MSET', unpack(chosen))
end
return #chosen / 2
